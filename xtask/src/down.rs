//! `down`: the stack stops and leaves nothing behind but its images.

use anyhow::Result;
use xshell::Shell;

use crate::stack::{Profile, Stack};

pub(crate) fn run(sh: &Shell) -> Result<()> {
    Stack::from_env(sh, &Profile::ALL)?.down()
}
