//! The options of programs: a page that names one that there is not would be found out by its reader.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use super::pages::Page;
use crate::build;
use crate::flags::Xtask;

/// Of programs of others that the pages tell how to use, and of blackbox_exporter, whose users come here.
const OF_OTHERS: &str = "\
    --all-features --bin --build --cacert --cert --compressed --enable-feature --example --features --history.limit --key \
    --lib --locked --log.prober --max-time --no-run --nocapture --now --offline --package --quiet --release --test --timings --version \
    --web.listen-adress --workspace --no-deps --open --no-default-features";

pub(super) fn are_known(sh: &Shell, pages: &[Page]) -> Result<()> {
    let server = build::server(sh, &[])?;
    let probe = build::probe(sh)?;
    let helps = [
        cmd!(sh, "{server} --help").quiet().read()?,
        cmd!(sh, "{server} healthcheck --help").quiet().read()?,
        cmd!(sh, "{probe} --help").quiet().read()?,
        help(),
        OF_OTHERS.to_owned(),
    ];
    let known: BTreeSet<&str> = helps.iter().flat_map(|help| options(help)).collect();
    let mut unknown = Vec::new();
    // What has changed may have had another name.
    for page in pages.iter().filter(|page| page.path != "CHANGELOG.md") {
        for (number, line) in page.lines() {
            let strange = options(line).filter(|option| !known.contains(option));
            unknown.extend(strange.map(|option| format!("{}:{number}: {option}", page.path)));
        }
    }
    ensure!(unknown.is_empty(), "no program has it: {}", unknown.join(", "));
    Ok(())
}

/// Of xtask.
fn help() -> String {
    Xtask::from_vec(vec!["--help".into()]).map_or_else(|help| help.to_string(), |_| String::new())
}

fn options(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || ".-".contains(c)));
    let options = words
        .filter(|word| word.strip_prefix("--").is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase())));
    options.map(|option| option.trim_end_matches(['.', '-']))
}

#[cfg(test)]
mod tests {
    use super::options;

    #[test]
    fn options_are_found_in_prose_and_commands() {
        let line = "`--web.listen-address`, --resolve=a:1, and `probe --json`. Not --- nor <!-- a --> nor -- x";
        assert_eq!(options(line).collect::<Vec<_>>(), ["--web.listen-address", "--resolve", "--json"]);
    }
}
