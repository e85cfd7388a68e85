//! Which share of the targets is ours, where several probers ask those of one file.

use std::str::FromStr;

use crate::schedule::stable_hash;

/// Shares that there may be.
const MOST: u32 = 1000;

/// One of `of` shares, counted from 1. Each prober finds out by itself which targets are its own: the share that has the
/// highest score for the name of a target has it (rendezvous hashing). So one share more takes its part from all others, and
/// nothing else moves.
///
/// The score of share `i` is the `i`th number of SplitMix64 where its seed is the first eight bytes of the SHA-256 of the
/// name, big-endian; modulo 2^64, with ^ for exclusive or:
///
/// ```text
/// z = seed + i × 0x9e3779b97f4a7c15
/// z = (z ^ (z >> 30)) × 0xbf58476d1ce4e5b9
/// z = (z ^ (z >> 27)) × 0x94d049bb133111eb
/// score = z ^ (z >> 31)
/// ```
///
/// ```
/// let shard: probe::Shard = "2/3".parse()?;
/// assert_eq!(shard.to_string(), "2/3");
/// assert_eq!(["a", "b", "c", "d"].map(|name| shard.has(name)), [true, false, true, false]);
/// # Ok::<(), probe::ShardError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    of: u32,
}

/// Why a text is no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardError {
    /// It is not of the form `i/n`.
    Form,
    /// There is no share 0.
    Zero,
    /// There are fewer shares than its number.
    Beyond,
    /// There are more shares than can be.
    TooMany,
}

impl Default for Shard {
    /// All of them.
    fn default() -> Self {
        Self { index: 1, of: 1 }
    }
}

impl Shard {
    /// Whether the target with this name is in it.
    pub fn has(&self, name: &str) -> bool {
        if self.of == 1 {
            return true;
        }
        let seed = stable_hash(name);
        let ours = score(seed, self.index);
        // Scores differ, as each of these steps can be undone: none is shared.
        (1..=self.of).all(|index| score(seed, index) <= ours)
    }
}

fn score(seed: u64, index: u32) -> u64 {
    let z = seed.wrapping_add(u64::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            // What no number of 32 bits holds is too many in any case.
            digits.then(|| text.parse().unwrap_or(u32::MAX)).ok_or(ShardError::Form)
        };
        let (index, of) = text.split_once('/').ok_or(ShardError::Form)?;
        let (index, of) = (number(index)?, number(of)?);
        match (index, of) {
            (0, _) | (_, 0) => Err(ShardError::Zero),
            (_, of) if of > MOST => Err(ShardError::TooMany),
            (index, of) if index > of => Err(ShardError::Beyond),
            (index, of) => Ok(Self { index, of }),
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl std::fmt::Display for ShardError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Form => f.write_str("not a share; write its number and how many there are, e.g. 1/3"),
            Self::Zero => f.write_str("shares count from 1; of three they are 1/3, 2/3 and 3/3"),
            Self::Beyond => f.write_str("there are not so many shares; the last of three is 3/3"),
            Self::TooMany => write!(f, "too many shares; write at most {MOST}"),
        }
    }
}

impl std::error::Error for ShardError {}
