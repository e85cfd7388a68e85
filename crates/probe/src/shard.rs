//! Which share of the targets is ours, where several probers ask those of one file.

/// One of `of` shares, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    of: u32,
}

impl Default for Shard {
    /// All of them.
    fn default() -> Self {
        Self { index: 1, of: 1 }
    }
}
