//! Bodies in each encoding, and bombs: bodies that are small on the wire and endless when they are decoded.
#![allow(dead_code, unreachable_pub)] // each test binary uses a part of it

use std::io::Write;

use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use flate2::{Compress, Compression, FlushCompress};

pub fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// With the header that RFC 9110 demands.
pub fn zlib(text: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// As some servers send it.
pub fn bare_deflate(text: &str) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// One block that is not compressed, and the last one, which is empty: what the `brotli` program makes of a short text.
pub fn brotli(text: &str) -> Vec<u8> {
    let last = u8::try_from(text.len() - 1).unwrap();
    [&[0x0b | (last & 1) << 7, last >> 1, 0x80], text.as_bytes(), &[3]].concat()
}

/// How a bomb begins, and what goes on for ever.
pub type Bomb = (Vec<u8>, Vec<u8>);

pub fn gzip_bomb() -> Bomb {
    (vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff], zeros())
}

pub fn zlib_bomb() -> Bomb {
    (vec![0x78, 0x9c], zeros())
}

/// 16 MiB of one letter, and what the `brotli` program writes for each further 128 MiB of it.
pub fn brotli_bomb() -> Bomb {
    let first = [203, 255, 255, 63, 0, 36, 96, 226, 177, 64, 114, 239, 255, 248, 255, 255];
    let more = [
        7, 128, 4, 64, 28, 22, 128, 238, 253, 31, 255, 255, 255, 0, 144, 0, 136, 195, 2, 208, 189, 255, 227, 255, 255,
        31, 0, 18, 0, 113, 88, 0, 186, 247, 127, 252, 255, 255, 3, 64, 2, 32, 14, 11, 64, 247, 254, 143, 255, 255, 127,
        0, 72, 0, 196, 97, 1, 232, 222, 255, 241, 255, 255, 15, 0, 9, 128, 56, 44, 0, 221, 251, 63, 254, 255, 255, 1,
        32, 1, 16, 135, 5, 160, 123, 255, 199, 255, 255, 63, 0, 36, 0, 226, 176, 0, 116, 239, 255, 248, 255, 255,
    ];
    (first.to_vec(), more.to_vec())
}

/// Deflate blocks for 1 MiB of zeros, which end at a byte, so that they can be repeated.
fn zeros() -> Vec<u8> {
    let mut compress = Compress::new(Compression::default(), false);
    let mut blocks = Vec::with_capacity(1 << 16);
    compress.compress_vec(&vec![0; 1 << 20], &mut blocks, FlushCompress::Full).unwrap();
    assert_eq!(compress.total_in(), 1 << 20);
    blocks
}
