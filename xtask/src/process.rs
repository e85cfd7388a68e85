//! Child processes that never outlive us, and commands whose output is both shown and read.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Longer than the server's drain (8 s).
const GRACE: Duration = Duration::from_secs(10);

/// A child that is asked to stop, then killed, when this value goes: on success, on error and on Ctrl-C.
pub(crate) struct Running {
    child: Child,
    name: String,
}

impl Running {
    pub(crate) fn spawn(name: &str, command: &mut Command) -> Result<Running> {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {name} ({})", Path::new(command.get_program()).display()))?;
        Ok(Running { child, name: name.to_owned() })
    }

    /// Fails once the child has ended by itself: what waits for it would wait in vain.
    pub(crate) fn check(&mut self) -> Result<()> {
        let ended = self.child.try_wait()?;
        ensure!(ended.is_none(), "{} ended by itself ({})", self.name, ended.unwrap_or_default());
        Ok(())
    }

    /// Ends it, whatever it is doing.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks it to stop, as an operator would, and waits for its end.
    pub(crate) fn stop(&mut self) -> Result<ExitStatus> {
        if self.child.try_wait()?.is_none() {
            // std only knows SIGKILL, and `kill` is built into every shell.
            let pid = self.child.id().to_string();
            Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid]).status()?;
        }
        let asked = Instant::now();
        while asked.elapsed() < GRACE {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.child.kill()?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("warning: cannot stop {}: {error}", self.name);
        }
    }
}

/// Runs `command` to its end; each line of its output is shown as it comes, and all of them are returned.
pub(crate) fn tee(command: &mut Command) -> Result<(ExitStatus, String)> {
    let name = Path::new(command.get_program()).display().to_string();
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().with_context(|| format!("cannot run {name}"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let seen = thread::scope(|scope| {
        let side = scope.spawn(|| show(stderr, &mut std::io::stderr()));
        let mut seen = show(stdout, &mut std::io::stdout());
        seen.push_str(&side.join().unwrap_or_default());
        seen
    });
    Ok((child.wait()?, seen))
}

fn show(pipe: Option<impl Read>, to: &mut impl Write) -> String {
    let mut seen = String::new();
    let Some(pipe) = pipe else { return seen };
    for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        // A closed terminal must not stop the command itself.
        let _ = writeln!(to, "{line}");
        seen.push_str(&line);
        seen.push('\n');
    }
    seen
}

/// This program, also where a build has taken its file away since it was started.
pub(crate) fn ourselves() -> Result<PathBuf> {
    let file = std::env::current_exe().context("this program does not know where it is")?;
    Ok(if file.exists() { file } else { PathBuf::from("/proc/self/exe") })
}

/// A file for a child's output, and the way to pass it on twice.
pub(crate) fn log_to(path: &Path) -> Result<(Stdio, Stdio)> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok((file.try_clone()?.into(), file.into()))
}

/// The last lines of a log, for a failure's message.
pub(crate) fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}
