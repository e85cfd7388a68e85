//! What a process takes of its machine, second by second, and whether that has stopped growing.

use std::fs;
use std::io;

/// Of what is no leak: buffers are taken and given back as clients come and go, and a thread is started where one more page is asked for at
/// the same time than ever before.
const SLACK: Sample = Sample { resident: 4 << 20, files: 64, threads: 2 };

/// Resident bytes, open files and threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) resident: u64,
    pub(crate) files: u64,
    pub(crate) threads: u64,
}

impl Sample {
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches(" kB").parse::<u64>().ok()
        };
        let missing = || io::Error::other(format!("process {pid} tells nothing of itself"));
        Ok(Self {
            resident: number("VmRSS:").ok_or_else(missing)? << 10,
            threads: number("Threads:").ok_or_else(missing)?,
            files: fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64,
        })
    }

    fn most(samples: &[Self]) -> Self {
        let most = |of: fn(&Self) -> u64| samples.iter().map(of).max().unwrap_or_default();
        Self { resident: most(|at| at.resident), files: most(|at| at.files), threads: most(|at| at.threads) }
    }
}

/// The most of the second third and of the last one.
pub(crate) fn thirds(samples: &[Sample]) -> [Sample; 2] {
    let third = samples.len() / 3;
    [Sample::most(&samples[third..2 * third]), Sample::most(&samples[2 * third..])]
}

/// What has grown from the second third to the last one; the first is for warming up.
pub(crate) fn grown(samples: &[Sample]) -> Vec<String> {
    let [before, after] = thirds(samples);
    let row = |name: &str, of: fn(&Sample) -> u64| {
        (of(&after) > of(&before) + of(&SLACK)).then(|| format!("{name} grew from {} to {}", of(&before), of(&after)))
    };
    let rows =
        [row("resident memory", |at| at.resident), row("open files", |at| at.files), row("threads", |at| at.threads)];
    rows.into_iter().flatten().collect()
}

/// The rule itself, tried before anything is measured: a plateau is one, and a slope is none.
pub(crate) fn shows_growth() {
    let sample = |n: u64| Sample { resident: 20 << 20, files: 40 + n % 7, threads: 9 };
    let flat: Vec<Sample> = (0..300).map(sample).collect();
    assert_eq!(grown(&flat), Vec::<String>::new());
    let slope = |change: &dyn Fn(u64, &mut Sample)| {
        let mut samples = flat.clone();
        for (n, sample) in (0..).zip(&mut samples) {
            change(n, sample);
        }
        grown(&samples).len()
    };
    assert_eq!(slope(&|n, sample| sample.resident += n << 16), 1, "64 KiB a second");
    assert_eq!(slope(&|n, sample| sample.files += n), 1, "a file a second");
    assert_eq!(slope(&|n, sample| sample.threads += n / 20), 1, "a thread each 20 s");
}
