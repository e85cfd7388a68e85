//! A section of a page: the files that it shows, and the commands with what they say.

/// From one heading to the next.
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
}

pub(crate) enum Step {
    /// A block that begins with the language and a name: `yaml web.yml`.
    File { name: String, content: String },
    /// A line of a block `console` that begins with `$ `, and what follows it.
    Command { place: String, command: String, said: Vec<String> },
}

/// The sections of `page` in which something is to be done.
pub(crate) fn read(path: &str, page: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut lines = page.lines().zip(1..);
    while let Some((line, _)) = lines.next() {
        if let Some(heading) = line.strip_prefix("## ") {
            let name = format!("{path}: {heading}").replace(' ', "_");
            sections.push(Section { name, steps: Vec::new() });
        }
        let Some(language) = line.strip_prefix("```") else { continue };
        let block: Vec<_> = lines.by_ref().take_while(|(line, _)| *line != "```").collect();
        let Some(section) = sections.last_mut() else { continue };
        match language.split_once(' ') {
            Some((_, name)) => {
                let lines: Vec<_> = block.iter().map(|(line, _)| *line).collect();
                let content = lines.join("\n") + "\n";
                section.steps.push(Step::File { name: name.to_owned(), content });
            }
            None if language == "console" => commands(path, &block, section),
            None => {}
        }
    }
    sections.retain(|section| !section.steps.is_empty());
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
