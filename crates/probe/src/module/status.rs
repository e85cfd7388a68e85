//! Sets of status codes: single ones and ranges.

use std::ops::RangeInclusive;

/// A set of status codes. An empty one is 2xx.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusCodes(pub Vec<RangeInclusive<u16>>);

impl StatusCodes {
    /// Whether `status` is one of them.
    pub(crate) fn contain(&self, status: u16) -> bool {
        if self.0.is_empty() {
            (200..300).contains(&status)
        } else {
            self.0.iter().any(|codes| codes.contains(&status))
        }
    }
}

/// As people write them: `2xx, 301, 400-404`.
impl std::fmt::Display for StatusCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("2xx");
        }
        for (n, codes) in self.0.iter().enumerate() {
            let (first, last) = (codes.start(), codes.end());
            f.write_str(if n == 0 { "" } else { ", " })?;
            match last.saturating_sub(*first) {
                0 => write!(f, "{first}")?,
                99 if first % 100 == 0 => write!(f, "{}xx", first / 100)?,
                _ => write!(f, "{first}-{last}")?,
            }
        }
        Ok(())
    }
}
