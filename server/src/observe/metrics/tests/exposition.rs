//! `OpenMetrics` text, read back strictly: what is not as it must be panics with the line.

use std::collections::BTreeMap;

/// What one scrape said.
#[derive(Debug)]
pub(super) struct Exposition {
    pub(super) families: Vec<Family>,
}

/// One family with its series.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) kind: String,
    pub(super) samples: Vec<Sample>,
}

/// One series with its number.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

impl Exposition {
    pub(super) fn read(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("the text is whole");
        let mut families: Vec<Family> = Vec::new();
        for line in body.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.splitn(3, ' ');
                let [word, name, rest] = [(); 3].map(|()| words.next().expect(line));
                match word {
                    "HELP" => families.push(Family {
                        name: name.to_owned(),
                        help: rest.to_owned(),
                        ..Family::default()
                    }),
                    "TYPE" => last(&mut families, name).kind = rest.to_owned(),
                    "UNIT" => {
                        let family = last(&mut families, name);
                        assert!(family.name.ends_with(&format!("_{rest}")), "{line}");
                    }
                    _ => panic!("{line}"),
                }
                continue;
            }
            let family = families.last_mut().expect("a sample has a family");
            assert!(!family.kind.is_empty(), "no TYPE before {line}");
            let sample = sample(line);
            assert!(sample.name.starts_with(&family.name), "{line}");
            family.samples.push(sample);
        }
        Self { families }
    }

    /// The sum of the series of this name with these labels; `None` if there is none.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |sample: &&Sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(label, value)| sample.labels.get(*label).is_some_and(|v| v == value))
        };
        let samples = self.families.iter().flat_map(|family| &family.samples);
        let mut values = samples.filter(has).map(|sample| sample.value).peekable();
        values.peek()?;
        Some(values.sum())
    }

    /// Whether there are such series, with this sum.
    pub(super) fn is(&self, name: &str, labels: &[(&str, &str)], value: f64) -> bool {
        self.sum(name, labels)
            .is_some_and(|sum| (sum - value).abs() < 1e-12)
    }
}

fn last<'a>(families: &'a mut [Family], name: &str) -> &'a mut Family {
    let family = families.last_mut().expect("HELP comes first");
    assert_eq!(family.name, name, "HELP comes first");
    family
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect(line);
    let (name, labels) = series
        .split_once('{')
        .map(|(name, labels)| (name, labels.strip_suffix('}').expect(line)))
        .expect("every series names its server");
    Sample {
        name: name.to_owned(),
        labels: read_labels(labels),
        value: value.parse().expect(line),
    }
}

fn read_labels(text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, quoted) = rest.split_once("=\"").expect(text);
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        let end = loop {
            match characters.next().expect(text) {
                (at, '"') => break at,
                (_, '\\') => match characters.next().expect(text).1 {
                    'n' => value.push('\n'),
                    plain => value.push(plain),
                },
                (_, plain) => value.push(plain),
            }
        };
        assert!(labels.insert(name.to_owned(), value).is_none(), "{text}");
        let after = &quoted[end + 1..];
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    labels
}
