//! Which build this is.

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit that it was built from; build.rs finds it.
pub(crate) const REVISION: &str = env!("REVISION");
/// The version of the compiler.
pub(crate) const RUSTC: &str = env!("RUSTC_VERSION");
