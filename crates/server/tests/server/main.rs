//! The program as its users meet it: started as a process, asked over loopback, told to stop.

mod access;
mod bad_input;
mod check;
mod command_line;
mod config;
mod confined;
mod doors;
mod exporter;
mod faults;
#[path = "../../../probe/tests/kit/mod.rs"]
mod kit;
mod ledger;
mod logs;
mod module;
mod on_demand;
mod outside;
mod reasons;
mod reload;
mod routes;
mod secrets;
mod signals;
mod status;
mod storage;

/// The table itself is looked at beside the program `probe`: each reason is in it.
#[test]
fn the_server_tells_each_reason() {
    reasons::tells_each_reason(kit::reasons::Place::Anywhere);
}
