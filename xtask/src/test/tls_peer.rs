//! A peer with a certificate, so that what is of TLS has values: another exporter, with TLS in its web configuration.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::exporter::Exporter;

/// The folder with certificate, key and web configuration, for a peer of these names.
pub(super) fn certificate(sh: &Shell, dir: &Path, names: &str) -> Result<()> {
    fs::create_dir_all(dir)?;
    let (key, certificate) = (dir.join("key.pem"), dir.join("ca.pem"));
    let names = format!("subjectAltName={names}");
    // Signed by itself, and no authority, which no server may be.
    cmd!(sh, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj /CN=peer -addext {names} -addext basicConstraints=critical,CA:FALSE -keyout {key} -out {certificate}")
        .quiet()
        .ignore_stderr()
        .run()
        .context("openssl makes no certificate")?;
    fs::write(dir.join("web.yml"), "tls_server_config: {cert_file: ca.pem, key_file: key.pem}\n")?;
    // Whoever the container runs as has to read them.
    cmd!(sh, "chmod -R a+rX {dir}").quiet().run()?;
    Ok(())
}

/// Targets: `primary`, and the peer at `host`, whose certificate lies at `ca` for whoever reads this.
pub(super) fn targets(primary: &str, peer: &str, ca: &str) -> String {
    format!(
        "targets:\n\
         - {{name: primary, url: \"{primary}\", interval: 1s, timeout: 900ms, slow_after: 800ms}}\n\
         - {{name: peer, url: \"https://{peer}/-/healthy\", interval: 1s, timeout: 900ms, module: peer}}\n\
         modules:\n  peer: {{prober: http, http: {{tls_config: {{ca_file: \"{ca}\"}}}}}}\n"
    )
}

/// One on this machine.
pub(crate) struct TlsPeer {
    exporter: Exporter,
    ca: PathBuf,
}

impl TlsPeer {
    pub(crate) fn start(sh: &Shell, server: &Path, dir: &Path) -> Result<TlsPeer> {
        certificate(sh, dir, "IP:127.0.0.1")?;
        let web = dir.join("web.yml");
        let exporter = Exporter::server(
            server,
            dir,
            "http://127.0.0.1:1/",
            &["--web.config.file", web.to_str().context("a path")?],
        )?;
        Ok(TlsPeer { exporter, ca: dir.join("ca.pem") })
    }

    pub(crate) fn targets(&self, primary: &str) -> String {
        targets(primary, &self.exporter.address.to_string(), &self.ca.display().to_string())
    }
}
