//! Files of YAML that are wrong in ways that nobody thought of.
#![allow(unreachable_pub)] // as in the rest of the kit

/// xorshift64*: the same mutants in every run.
pub struct Random(pub u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % bound
    }

    /// The seed with some of it taken out, put in, copied or changed.
    pub fn mutant(&mut self, seed: &[u8]) -> Vec<u8> {
        const SALT: [&[u8]; 22] = [
            b":",
            b": ",
            b"\n",
            b"\t",
            b"  ",
            b"- ",
            b"[",
            b"]",
            b"{",
            b"}",
            b"&a ",
            b"*a",
            b"<<: ",
            b"!!str ",
            b"\"",
            b"'",
            b"|\n",
            b"? ",
            b"#",
            b"\xff",
            b"\x00",
            b"\xef\xbb\xbf",
        ];
        let mut mutant = seed.to_vec();
        for _ in 0..=self.below(8) {
            let at = self.below(mutant.len() + 1);
            let end = (at + self.below(40)).min(mutant.len());
            match self.below(5) {
                0 => drop(mutant.drain(at..end)),
                1 => drop(mutant.splice(at..at, SALT[self.below(SALT.len())].iter().copied())),
                2 => {
                    let piece = mutant[at..end].to_vec();
                    let to = self.below(mutant.len() + 1);
                    drop(mutant.splice(to..to, piece));
                }
                3 => mutant.truncate(at),
                _ => {
                    let byte = u8::try_from(self.below(256)).unwrap();
                    drop(mutant.splice(at..end.min(at + 1), [byte]));
                }
            }
        }
        mutant
    }
}
