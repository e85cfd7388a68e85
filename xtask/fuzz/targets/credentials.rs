#![no_main]

#[path = "../../../crates/server/src/web/credentials.rs"]
mod credentials;

libfuzzer_sys::fuzz_target!(|data: &[u8]| credentials::fuzzed(data));
