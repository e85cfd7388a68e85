//! The images that the stack is built from and made of: pulled, or stood in for by programs of this machine where no registry is reached.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::cmd;

use super::Setup;
use crate::stack;

impl Setup<'_> {
    /// Makes sure that the images are there that the stack is built from.
    pub(crate) fn base_images(&self, engine: &str) -> Result<()> {
        let (rust, prometheus) = self.image_names()?;
        for image in [rust, prometheus] {
            self.pull(engine, &image).or_else(|why| match self.script("base-images.sh") {
                Ok(script) => self.stand_ins(&script),
                Err(_) => Err(why),
            })?;
        }
        Ok(())
    }

    /// Alertmanager's image, or a stand-in of Debian's package.
    pub(crate) fn alertmanager_image(&self, engine: &str) -> Result<()> {
        const PACKAGE: &str = "prometheus-alertmanager";
        let image = format!("prom/alertmanager:{}", self.of_compose("ALERTMANAGER_VERSION")?);
        self.pull(engine, &image).or_else(|why| match self.unpacked("alertmanager", "forky", &[PACKAGE], PACKAGE) {
            Ok(program) => self.stand_in(engine, &image, &program, "alertmanager"),
            Err(_) => Err(why),
        })
    }

    /// The image of this machine's own Prometheus, by the version of its tag, or a stand-in with it.
    pub(crate) fn system_prometheus_image(&self, engine: &str) -> Result<String> {
        let binary = self.system_prometheus()?;
        let version = format!("v{}", binary.version);
        let image = format!("prom/prometheus:{version}");
        self.pull(engine, &image).or_else(|why| match self.script("base-images.sh") {
            Ok(_) => self.stand_in(engine, &image, &binary.prometheus, "prometheus"),
            Err(_) => Err(why),
        })?;
        Ok(version)
    }

    /// An image with one program, as the official ones have it: /bin/NAME, data in /NAME, and a wget for health checks.
    fn stand_in(&self, engine: &str, image: &str, program: &Path, name: &str) -> Result<()> {
        println!("set-up: making a stand-in of {image}");
        let (sh, dir) = (self.sh, self.sh.create_temp_dir()?);
        sh.copy_file(program, dir.path().join(name))?;
        sh.copy_file("/bin/busybox", dir.path().join("wget"))?;
        // Debian's Alertmanager reads its templates from there.
        let shared = program.with_file_name("../share/prometheus").join(name);
        sh.create_dir(dir.path().join("share"))?;
        if shared.exists() {
            let to = dir.path().join("share");
            cmd!(sh, "cp -r {shared}/. {to}").quiet().run()?;
        }
        let dockerfile = format!(
            "FROM debian:bookworm-slim\nCOPY {name} wget /bin/\nCOPY share /usr/share/prometheus/{name}\nRUN mkdir /{name} && chown 65534 /{name}\n\
             USER 65534:65534\nVOLUME /{name}\nENTRYPOINT [\"/bin/{name}\"]\n"
        );
        fs::write(dir.path().join("Dockerfile"), dockerfile)?;
        let dir = dir.path();
        // The classic builder: BuildKit takes a plugin that may be missing.
        let build = cmd!(sh, "{engine} build --quiet --tag {image} {dir}").env("DOCKER_BUILDKIT", "0");
        build.quiet().ignore_stdout().run()?;
        Ok(())
    }

    /// The names that compose.yaml gives the images of the toolchain and of Prometheus.
    pub(super) fn image_names(&self) -> Result<(String, String)> {
        let prometheus = self.of_compose("PROMETHEUS_VERSION")?;
        Ok((self.of_compose("RUST_IMAGE")?, format!("prom/prometheus:{prometheus}")))
    }

    /// What compose.yaml makes of a variable.
    fn of_compose(&self, variable: &str) -> Result<String> {
        let compose = self.sh.read_file(stack::FILE)?;
        let value = stack::variable(self.sh, variable).or_else(|| default_of(&compose, variable));
        value.with_context(|| format!("{} names no {variable}", stack::FILE))
    }

    pub(super) fn pull(&self, engine: &str, image: &str) -> Result<()> {
        let succeeds = |args: &[&str]| {
            self.sh.cmd(engine).args(args).arg(image).quiet().ignore_stdout().ignore_stderr().run().is_ok()
        };
        if succeeds(&["image", "inspect"]) {
            return Ok(());
        }
        ensure!(self.allowed, "image {image} is not on this machine: {engine} pull {image}");
        println!("set-up: {engine} pull {image}");
        ensure!(succeeds(&["pull", "--quiet"]), "image {image} cannot be pulled: try {engine} pull {image}");
        Ok(())
    }

    fn stand_ins(&self, script: &Path) -> Result<()> {
        let binary = self.unpacked("prometheus", "forky", &["prometheus", "promtool"], "prometheus")?;
        let (sh, dir, rootfs) = (self.sh, binary.parent().context("a path")?, self.cache.join("rootfs.tar"));
        println!("set-up: making stand-ins of the base images (about 90 s the first time)");
        cmd!(sh, "{script} {dir}").env("ROOTFS_CACHE", rootfs).quiet().run()?;
        Ok(())
    }
}

/// The default that compose.yaml gives a variable: `${NAME:-default}`.
fn default_of(compose: &str, variable: &str) -> Option<String> {
    let (_, rest) = compose.split_once(&format!("${{{variable}:-"))?;
    Some(rest.split_once('}')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::default_of;
    use crate::stack;

    #[test]
    fn base_images_are_those_that_compose_yaml_names() {
        let compose = std::fs::read_to_string(crate::root().join(stack::FILE)).unwrap();
        assert!(default_of(&compose, "RUST_IMAGE").unwrap().starts_with("rust:"));
        assert!(default_of(&compose, "PROMETHEUS_VERSION").unwrap().starts_with('v'));
        assert_eq!(default_of(&compose, "NO_SUCH_VARIABLE"), None);
    }
}
