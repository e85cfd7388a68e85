//! A section of a page: the files that it shows, and the commands with what they say.

/// From one heading to the next. The files of those before it are there, too: a page is read from its top.
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone)]
pub(crate) enum Step {
    /// A block that begins with the language and a name: `yaml web.yml`.
    File { name: String, content: String },
    /// A line of a block `console` that begins with `$ `, and what follows it.
    Command { place: String, command: String, said: Vec<String> },
}

/// The sections of `page` in which something is to be done. A block `console` with a second word is run by the suite of that name.
pub(crate) fn read(path: &str, page: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut files: Vec<Step> = Vec::new();
    let mut lines = page.lines().zip(1..);
    while let Some((line, _)) = lines.next() {
        let heading = line.strip_prefix("## ").or_else(|| line.strip_prefix("# "));
        if let Some(heading) = heading {
            let name = format!("{path}: {heading}").replace(' ', "_");
            sections.push(Section { name, steps: files.clone() });
        }
        // Blocks of a list are indented.
        let Some(language) = line.trim_start().strip_prefix("```") else { continue };
        let indent = line.len() - line.trim_start().len();
        let block: Vec<(&str, usize)> = lines
            .by_ref()
            .map(|(line, number)| (line.get(indent..).unwrap_or_default(), number))
            .take_while(|(line, _)| *line != "```")
            .collect();
        let Some(section) = sections.last_mut() else { continue };
        match language.split_once(' ') {
            Some(("console", _)) => {}
            Some((_, name)) => {
                let lines: Vec<_> = block.iter().map(|(line, _)| *line).collect();
                let file = Step::File { name: name.to_owned(), content: lines.join("\n") + "\n" };
                files.push(file.clone());
                section.steps.push(file);
            }
            None if language == "console" => commands(path, &block, section),
            None => {}
        }
    }
    sections.retain(|section| section.steps.iter().any(|step| matches!(step, Step::Command { .. })));
    sections
}

fn commands(path: &str, block: &[(&str, usize)], section: &mut Section) {
    for (line, number) in block {
        match (line.strip_prefix("$ "), section.steps.last_mut()) {
            (Some(command), _) => section.steps.push(Step::Command {
                place: format!("{path}:{number}"),
                command: command.to_owned(),
                said: Vec::new(),
            }),
            (None, Some(Step::Command { said, .. })) => said.push((*line).to_owned()),
            (None, _) => panic!("{path}:{number}: this is said by no command"),
        }
    }
}
