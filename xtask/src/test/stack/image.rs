//! The image: small, bare, and labelled.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::stack::Stack;

/// 10 MB.
const MOST_BYTES: u64 = 10_000_000;

pub(super) fn is_bare(stack: &Stack<'_>) -> Result<()> {
    let image = stack.image();
    let config: Value = serde_json::from_str(&stack.inspect(&image, "{{json .Config}}")?)?;
    ensure!(config["User"] == "65532:65532", "its user is {}", config["User"]);
    ensure!(config["Healthcheck"]["Test"][0] == "CMD", "its health check is {}", config["Healthcheck"]);
    let shell = stack.engine(["run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", &image, "-c", "true"]);
    let output = shell.ignore_status().output()?;
    ensure!(output.status.code() == Some(127), "running /bin/sh in it ended with {}", output.status);
    Ok(())
}

pub(super) fn is_small(stack: &Stack<'_>) -> Result<()> {
    let size = stack.image_size()?;
    println!("     {size} bytes of {MOST_BYTES}");
    ensure!(size <= MOST_BYTES, "it has {size} bytes, and may have {MOST_BYTES}");
    Ok(())
}

pub(super) fn is_labelled(stack: &Stack<'_>) -> Result<()> {
    let labels: Value = serde_json::from_str(&stack.inspect(&stack.image(), "{{json .Config.Labels}}")?)?;
    let expected = [
        ("title", "actix-exporter"),
        ("version", &stack.version),
        ("revision", &stack.revision),
        ("created", &stack.created),
        ("licenses", "MIT OR Apache-2.0"),
    ];
    for (label, value) in expected {
        let found = &labels[format!("org.opencontainers.image.{label}")];
        ensure!(found == value, "{label} is {found}, and should be {value}");
    }
    Ok(())
}
