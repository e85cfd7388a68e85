//! Each reason, from the outside: the program `probe`, and what it prints. The server's tests hold its metrics against the same
//! table; what takes a network of its own is in the suite `resolver`.

use crate::kit::reasons::{Place, nothing_is_missing};
use crate::program::tells_each_reason;

#[test]
fn there_is_a_way_to_each_reason() {
    nothing_is_missing();
}

#[test]
fn the_program_tells_each_reason() {
    tells_each_reason(Place::Anywhere);
}
