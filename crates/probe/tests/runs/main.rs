//! What a run says of peers that behave and of peers that do not. The ids (P…) name the faults.

mod answers;
#[path = "../kit/asked.rs"]
mod asked;
mod bodies;
mod checks;
mod connect;
mod heads;
mod http2;
#[path = "../kit/mod.rs"]
mod kit;
#[path = "../kit/body.rs"]
mod kit_body;
#[path = "../kit/http2.rs"]
mod kit_http2;
mod on_demand;
mod policy;
#[path = "../kit/program.rs"]
mod program;
mod reasons;
mod redirects;
mod requests;
mod secrets;
mod tls;

use asked::{Ask, SECOND, SHORT, UP, ask, failed, module, reached};
