//! `dist`: what there is to install on a machine without Rust, in one archive.

mod sbom;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::build;

/// Shells that have completions, and how each names their file.
const SHELLS: [(&str, &str); 4] = [
    ("bash", "actix-exporter"),
    ("zsh", "_actix-exporter"),
    ("fish", "actix-exporter.fish"),
    ("powershell", "actix-exporter.ps1"),
];
/// Files that go in as they are.
const FILES: [&str; 6] = [
    "README.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "docs/systemd/actix-exporter.service",
    "docs/systemd/actix-exporter.socket",
];

pub(crate) fn run(sh: &Shell) -> Result<()> {
    let binary = build::static_binary(sh)?;
    let archive = make(sh, &binary, &sh.current_dir().join("target/dist"))?;
    println!("{} ({})", archive.display(), build::mebibytes(fs::metadata(&archive)?.len()));
    println!("{}.sha256", archive.display());
    Ok(())
}

/// The archive around a static binary, with a file of its checksum beside it.
pub(crate) fn make(sh: &Shell, binary: &Path, dir: &Path) -> Result<PathBuf> {
    let version = cmd!(sh, "{binary} --version").quiet().read()?;
    let version = version.split_whitespace().nth(1).context("the program names no version")?.to_owned();
    let name = format!("actix-exporter-{version}-{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    let root = dir.join(&name);
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    for folder in ["completions", "man", "systemd"] {
        sh.create_dir(root.join(folder))?;
    }
    println!("putting {name} together");
    sh.copy_file(binary, root.join("actix-exporter"))?;
    for (shell, file) in SHELLS {
        let text = cmd!(sh, "{binary} completions {shell}").quiet().read()?;
        fs::write(root.join("completions").join(file), text + "\n")?;
    }
    fs::write(root.join("man/actix-exporter.1"), cmd!(sh, "{binary} manpage").quiet().read()? + "\n")?;
    for file in FILES {
        let to = file.strip_prefix("docs/").unwrap_or(file);
        sh.copy_file(file, root.join(to))?;
    }
    fs::write(root.join("sbom.cdx.json"), sbom::of_the_server(sh, &version)?)?;
    checksums(sh, &root)?;
    pack(sh, dir, &name)
}

/// Of every file, for `sha256sum --check SHA256SUMS`.
fn checksums(sh: &Shell, root: &Path) -> Result<()> {
    let _there = sh.push_dir(root);
    let mut files: Vec<_> =
        cmd!(sh, "find . -type f").quiet().read()?.lines().map(|path| path[2..].to_owned()).collect();
    files.sort();
    let sums = cmd!(sh, "sha256sum {files...}").quiet().read().context("sha256sum (coreutils) is missing")?;
    fs::write(root.join("SHA256SUMS"), sums + "\n")?;
    Ok(())
}

/// The same files make the same archive: by name, of nobody, of the time of the commit.
fn pack(sh: &Shell, dir: &Path, name: &str) -> Result<PathBuf> {
    let gnu = cmd!(sh, "tar --version").quiet().read().is_ok_and(|said| said.contains("GNU tar"));
    ensure!(gnu, "dist needs GNU tar: install it, or build in the container that compose/Dockerfile describes");
    let time = cmd!(sh, "git log -1 --format=%ct").quiet().ignore_stderr().read().unwrap_or_else(|_| "0".to_owned());
    let (tar, archive) = (dir.join(format!("{name}.tar")), dir.join(format!("{name}.tar.gz")));
    cmd!(
        sh,
        "tar --create --file {tar} --directory {dir} --sort=name --mtime=@{time} --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw,a-s {name}"
    )
    .quiet()
    .run()?;
    cmd!(sh, "gzip --force --best --no-name {tar}").quiet().run()?;
    let _there = sh.push_dir(dir);
    let file = format!("{name}.tar.gz");
    let sum = cmd!(sh, "sha256sum {file}").quiet().read()?;
    fs::write(dir.join(format!("{file}.sha256")), sum + "\n")?;
    Ok(archive)
}
