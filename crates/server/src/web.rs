//! The server's own side of the web: listeners, the door at which connections come in, who may come in, and what becomes of a
//! handler that panics. The routes are the app's.

pub(crate) mod access;
pub(crate) mod bodies;
pub(crate) mod connections;
mod credentials;
mod door;
pub(crate) mod keeper;
pub(crate) mod limits;
pub(crate) mod panics;
mod passwords;
pub(crate) mod paths;
pub(crate) mod ready;
mod serve;
mod stream;

pub(crate) use self::door::Door;
pub(crate) use self::serve::serve;
