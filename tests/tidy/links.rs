//! Relative links in markdown: each leads to a file or folder of the repository.

use crate::Slip;
use crate::tree::File;

/// Every relative link of `file` leads to a path for which `is_there` answers yes.
pub(crate) fn lead_somewhere(file: &File, is_there: impl Fn(&str) -> bool) -> Vec<Slip> {
    let mut slips = Vec::new();
    for (line, target) in targets(&file.text) {
        let path = target.split(['#', '?']).next().unwrap_or_default();
        let elsewhere = path.contains("://") || path.starts_with("mailto:");
        if path.is_empty() || elsewhere {
            continue;
        }
        match resolve(&file.path, path) {
            Some(place) if place.is_empty() || is_there(&place) => {}
            _ => slips.push(Slip::new(
                &file.path,
                line,
                format!("`{target}` leads nowhere"),
            )),
        }
    }
    slips
}

/// The targets of all inline links and link definitions outside code, with their lines.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        let prose = without_code(line);
        let definition = prose
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "));
        let inline = prose
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'));
        for target in inline
            .map(|(inside, _)| inside)
            .chain(definition.map(|(_, target)| target))
        {
            let target = target.split_whitespace().next().unwrap_or_default();
            found.push((index + 1, target.trim_matches(['<', '>']).to_owned()));
        }
    }
    found
}

/// The line without what stands between backquotes.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// The path that `target` means when it stands in the file `from`; `None` if it leaves the
/// repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let start = if target.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in start.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slips(path: &str, text: &str) -> Vec<String> {
        let file = File {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let there = ["README.md", "docs/GLOSSARY.md", "docs"];
        let found = lead_somewhere(&file, |path| there.contains(&path));
        found.iter().map(Slip::to_string).collect()
    }

    #[test]
    fn a_link_to_a_missing_file_is_caught_with_its_line() {
        let text = "See [here](GLOSSARY.md).\nAnd [there](LOST.md#part), [up](../README.md).\n";
        assert_eq!(
            slips("docs/A.md", text),
            ["docs/A.md:2: `LOST.md#part` leads nowhere"]
        );
    }

    #[test]
    fn a_link_definition_and_a_link_out_of_the_repository_are_caught() {
        assert_eq!(
            slips("A.md", "[x]: docs/LOST.md\n"),
            ["A.md:1: `docs/LOST.md` leads nowhere"]
        );
        assert_eq!(
            slips("A.md", "[x](../B.md)\n"),
            ["A.md:1: `../B.md` leads nowhere"]
        );
    }

    #[test]
    fn code_addresses_and_anchors_are_left_alone() {
        let text = "[a](#part) [b](https://example.org/x) `[c](lost.md)` [d](docs)\n\
                    ```text\n[e](lost.md)\n```\n[f](/docs/GLOSSARY.md \"title\")\n";
        assert_eq!(slips("README.md", text), Vec::<String>::new());
    }
}
