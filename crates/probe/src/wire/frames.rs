//! The frames of HTTP/2 as they go by.

/// Where the frames of HTTP/2 begin (RFC 9113, section 4.1), to see what awc does not tell: a GOAWAY is a broken pipe to it, a
/// body that is too long one that is too short, and a response that has ended is one that was reset, if it was after that.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// What is known of the frame under way: its header, and of a GOAWAY as much as says why.
    start: Vec<u8>,
    /// What is left of a frame that says nothing of interest.
    skip: usize,
    /// Bytes in the frames of the body so far.
    pub(super) data: u64,
    /// A frame was the last of the response.
    pub(super) ended: bool,
}

impl Frames {
    const HEADER: usize = 9;
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const END_STREAM: u8 = 1;
    const GOAWAY: u8 = 7;

    /// Takes the next bytes; the error code of a GOAWAY among them.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Option<u32> {
        let mut goaway = None;
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let Some((&byte, rest)) = bytes.split_first() else { break };
            bytes = rest;
            self.start.push(byte);
            let [high, middle, low, kind, flags, ..] = self.start[..] else { continue };
            let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            // Last stream and error code are four bytes each.
            let wanted = Self::HEADER + if kind == Self::GOAWAY { length.min(8) } else { 0 };
            if self.start.len() == wanted {
                if let [.., a, b, c, d] = self.start[..]
                    && wanted == Self::HEADER + 8
                {
                    goaway = Some(u32::from_be_bytes([a, b, c, d]));
                }
                if kind == Self::DATA {
                    self.data += length as u64;
                }
                self.ended |= [Self::DATA, Self::HEADERS].contains(&kind) && flags & Self::END_STREAM != 0;
                self.skip = length - (wanted - Self::HEADER);
                self.start.clear();
            }
        }
        goaway
    }
}

#[cfg(test)]
mod tests {
    use super::Frames;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[..], &[kind, 0, 0, 0, 0, 0], payload].concat()
    }

    /// The code that is seen when the bytes come in pieces of `size`.
    fn goaway(bytes: &[u8], size: usize) -> Option<u32> {
        let mut frames = Frames::default();
        bytes.chunks(size).fold(None, |seen, piece| frames.read(piece).or(seen))
    }

    #[test]
    fn a_goaway_is_seen_however_the_frames_are_cut() {
        let settings = frame(4, &[0, 3, 0, 0, 0, 100]);
        let large = frame(0, &[7; 10_000]);
        let reason = [&[0, 0, 0, 1, 0, 0, 0, 11][..], b"calm down"].concat();
        let ended = [&settings[..], &large, &frame(7, &reason), &settings].concat();
        let open = [&settings[..], &frame(6, &[7; 8]), &large].concat();
        for size in [1, 2, 3, 8, 9, 10, 17, 1000, ended.len()] {
            assert_eq!(goaway(&ended, size), Some(11), "{size}");
            assert_eq!(goaway(&open, size), None, "{size}");
        }
    }

    #[test]
    fn a_goaway_that_is_none_says_nothing() {
        for payload in [&[][..], &[0; 4], &[0; 7]] {
            assert_eq!(goaway(&[frame(7, payload), frame(4, &[])].concat(), 5), None, "{payload:?}");
        }
    }
}
