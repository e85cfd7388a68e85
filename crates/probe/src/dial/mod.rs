//! From a host name to a stream that is ready for HTTP, one step per file. Each step ends at the deadline of the run.

mod certificate;
mod chains;
pub(crate) mod connect;
pub(crate) mod lookups;
pub(crate) mod pem;
pub(crate) mod resolve;
pub(crate) mod tls;
