//! The program as its users meet it: started as a process, asked over loopback, told to stop.

mod bad_input;
mod exporter;
#[path = "../../../probe/tests/kit/mod.rs"]
mod kit;
mod module;
mod outside;
mod routes;
mod signals;
