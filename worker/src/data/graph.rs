//! Graphs: an edge list and the nodes whose class is known, for the model `graph_cut`.
//!
//! ```text
//! train    u v w        nodes count from 0; w > 0 is what it costs to cut the edge, 1 if it is left out
//! seeds    u class      classes count from 0
//! ```
//!
//! Blank lines are nothing, nor is what follows `#`. Files may be packed, as those of `libsvm`.
//!
//! | key | meaning |
//! |---|---|
//! | `train` | the edges |
//! | `seeds` | the nodes whose class is known |
//! | `nodes` | number of nodes; without it, one more than the greatest in the files |
//! | `classes` | number of classes; without it, one more than the greatest of the seeds |
//!
//! A row is a row of the weighted incidence matrix: +w at one end of the edge, −w at the other. The
//! features are the nodes, and behind them the classes: an edge that ends at a seed ends at its class
//! instead, so that a seed is one point whatever the model does. An edge between two seeds of one class
//! is a row without features, which costs nothing. Labels are 0.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::{
    DataError, DatasetEntry, Field, Files, InMemory, LineProblem, Loaded, Rows, Task,
    number::parse, registry::read_keys, source::Lines,
};

pub(super) const ENTRY: DatasetEntry = DatasetEntry {
    name: NAME,
    about: "a graph of your own, as a list of edges, and the nodes whose class is known",
    keys: "train = \"edges.txt\"\nseeds = \"seeds.txt\"\nnodes = 1000\nclasses = 2",
    exclusive: &[],
    check: |keys| checked(keys).map(drop),
    load,
    reopen: None,
};

const NAME: &str = "graph";

/// The most nodes and classes together: features are numbered by 32 bits.
const FEATURES_MAX: u64 = 1 << 32;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    train: Files,
    seeds: Files,
    nodes: Option<u64>,
    classes: Option<u64>,
}

fn checked(keys: &toml::Table) -> Result<Keys, DataError> {
    let keys: Keys = read_keys(NAME, keys)?;
    keys.train.check(NAME, "train")?;
    keys.seeds.check(NAME, "seeds")?;
    if keys.classes.is_some_and(|classes| classes < 2) {
        return refuse(format!(
            "expected `classes` from 2 on, found {}; of one class there is nothing to choose",
            keys.classes.unwrap_or_default()
        ));
    }
    Ok(keys)
}

fn refuse<T>(problem: String) -> Result<T, DataError> {
    let dataset = NAME;
    Err(DataError::Options { dataset, problem })
}

/// Where a line is, for messages.
struct Place<'a> {
    path: &'a Path,
    line: u64,
}

impl Place<'_> {
    fn refuse<T>(&self, expected: &'static str, words: &[&[u8]]) -> Result<T, DataError> {
        let found = String::from_utf8_lossy(&words.join(&b' ')).into_owned();
        Err(DataError::Line {
            path: self.path.to_owned(),
            line: self.line,
            column: 1,
            problem: LineProblem::Graph {
                expected,
                found: found.chars().take(40).collect(),
            },
        })
    }
}

/// Calls `take` with the words of every line that has some.
fn each_line(
    files: &Files,
    folder: &Path,
    mut take: impl FnMut(&Place<'_>, &[&[u8]]) -> Result<(), DataError>,
) -> Result<PathBuf, DataError> {
    let mut last = PathBuf::new();
    for path in files.resolve(folder)? {
        let mut lines = Lines::open(&path)?;
        last = lines.path().to_owned();
        while let Some((line, text)) = lines.next_line()? {
            let text = text.split(|byte| *byte == b'#').next().unwrap_or_default();
            let words = text.split(u8::is_ascii_whitespace);
            let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
            if !words.is_empty() {
                take(&Place { path: &last, line }, &words)?;
            }
        }
    }
    Ok(last)
}

/// A whole number below 2³².
fn whole(word: &[u8]) -> Option<u32> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

fn seeds(keys: &Keys, folder: &Path) -> Result<Vec<(u32, u32)>, DataError> {
    const EXPECTED: &str = "a node and its class, two whole numbers from 0";
    let mut seeds = Vec::new();
    each_line(&keys.seeds, folder, |place, words| {
        let [node, class] = words else {
            return place.refuse(EXPECTED, words);
        };
        match (whole(node), whole(class)) {
            (Some(node), Some(class)) => seeds.push((node, class)),
            _ => return place.refuse(EXPECTED, words),
        }
        Ok(())
    })?;
    seeds.sort_unstable();
    seeds.dedup();
    if let Some(twice) = seeds.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return refuse(format!(
            "expected one class for each seed, found the node {} with the classes {} and {}; keep one",
            twice[0].0, twice[0].1, twice[1].1
        ));
    }
    Ok(seeds)
}

fn edges(keys: &Keys, folder: &Path) -> Result<Vec<(u32, u32, f32)>, DataError> {
    const EXPECTED: &str = "two different nodes and a weight above 0 (`u v w`, nodes from 0)";
    let mut edges = Vec::new();
    let last = each_line(&keys.train, folder, |place, words| {
        let (u, v, weight) = match words {
            [u, v] => (whole(u), whole(v), Some(1.0)),
            [u, v, weight] => (whole(u), whole(v), parse(weight)),
            _ => return place.refuse(EXPECTED, words),
        };
        match (u, v, weight) {
            (Some(u), Some(v), Some(w)) if u != v && 0.0 < w && w.is_finite() => {
                edges.push((u, v, w));
            }
            _ => return place.refuse(EXPECTED, words),
        }
        Ok(())
    })?;
    if edges.is_empty() {
        return Err(DataError::Empty { path: last });
    }
    Ok(edges)
}

/// The number that is said, or what the files need; the said one is not below it.
fn at_least(key: &str, said: Option<u64>, needed: u64) -> Result<u64, DataError> {
    match said {
        Some(said) if said < needed => refuse(format!(
            "expected `{key}` of at least {needed}, as the files have number {}, found {said}; raise it, or \
             leave it out",
            needed - 1
        )),
        said => Ok(said.unwrap_or(needed)),
    }
}

fn load(keys: &toml::Table, folder: &Path) -> Result<Loaded, DataError> {
    let keys = checked(keys)?;
    let (edges, seeds) = (edges(&keys, folder)?, seeds(&keys, folder)?);
    let ends = edges.iter().flat_map(|(u, v, _)| [*u, *v]);
    let named = ends.chain(seeds.iter().map(|(node, _)| *node));
    let nodes = at_least("nodes", keys.nodes, past(named))?;
    let classes = at_least("classes", keys.classes, past(seeds.iter().map(|s| s.1)))?;
    if classes < 2 || FEATURES_MAX < nodes + classes {
        return refuse(format!(
            "expected seeds of two classes or more, and less than 2^32 nodes, found {classes} classes and \
             {nodes} nodes; mend the seeds, or renumber the nodes"
        ));
    }
    let mut rows = Rows::new();
    let end = |node: u32| match seeds.binary_search_by_key(&node, |seed| seed.0) {
        Ok(place) => {
            u32::try_from(nodes + u64::from(seeds[place].1)).expect("features have 32 bits")
        }
        Err(_) => node,
    };
    for (number, &(u, v, weight)) in (0..).zip(&edges) {
        let (u, v) = (end(u), end(v));
        if u == v {
            rows.push(number, 0.0, &[], &[]);
        } else {
            rows.push(number, 0.0, &[u.min(v), u.max(v)], &[weight, -weight]);
        }
    }
    let field = |name: &str, features| Field {
        name: name.to_owned(),
        features,
    };
    let train = InMemory::from_rows(&rows, nodes + classes, Task::Real).with_fields(vec![
        field("node", 0..nodes),
        field("class", nodes..nodes + classes),
    ]);
    Ok(Loaded {
        train: Arc::new(train),
        test: None,
        notes: Vec::new(),
        encoding: None,
    })
}

/// One more than the greatest.
fn past(numbers: impl Iterator<Item = u32>) -> u64 {
    numbers.max().map_or(0, |most| u64::from(most) + 1)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::load;
    use crate::data::{DataError, Loaded, Rows};
    use crate::hogwild::graph_cut::GraphCut;
    use crate::hogwild::objective::{Objective, value};

    fn loaded(edges: &str, seeds: &str, more: &str) -> Result<Loaded, DataError> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("edges"), edges).unwrap();
        fs::write(folder.path().join("seeds"), seeds).unwrap();
        let keys = format!("train = 'edges'\nseeds = 'seeds'\n{more}");
        load(&keys.parse().unwrap(), folder.path())
    }

    #[test]
    fn edges_end_at_the_class_of_a_seed_and_two_seeds_of_one_class_cost_nothing() {
        let edges = "0 1 # a comment\n\n1 2 0.5\n4 3 2\n0 4\n";
        let found = loaded(edges, "0 1\n3 0\n4 1\n", "").unwrap();
        let train = found.train;
        assert_eq!((train.rows(), train.features()), (4, 7));
        let mut rows = Rows::new();
        train.fill(&[0, 1, 2, 3], &mut rows);
        assert_eq!(rows.row(0), (&[1, 6][..], &[1.0, -1.0][..]));
        assert_eq!(rows.row(1), (&[1, 2][..], &[0.5, -0.5][..]));
        assert_eq!(rows.row(2), (&[5, 6][..], &[2.0, -2.0][..]));
        assert_eq!(rows.row(3), (&[][..], &[][..]));
        let widths: Vec<_> = train.fields().iter().map(|f| f.features.clone()).collect();
        assert_eq!(widths, [0..5, 5..7]);
        // The same as an objective: both free nodes in the middle, the edge of two seeds cut.
        let objective = GraphCut::of(&*train, 2).unwrap();
        let start = objective.start(1);
        assert!((value(&objective, &start) - (1.0 + 0.0 + 4.0)).abs() < 1e-6);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let edges = "0 1\n1 2\n";
        for (edges, seeds, more, words) in [
            (
                "0 1\n1 1\n",
                "0 0\n1 1\n",
                "",
                "edges:2:1: expected two different nodes",
            ),
            ("0 1 -3\n", "0 0\n1 1\n", "", "found \"0 1 -3\""),
            ("0 x\n", "0 0\n1 1\n", "", "found \"0 x\""),
            ("# nothing\n", "0 0\n", "", "at least one row"),
            (
                edges,
                "0 0\n1\n",
                "",
                "seeds:2:1: expected a node and its class",
            ),
            (
                edges,
                "0 0\n0 1\n",
                "",
                "the node 0 with the classes 0 and 1",
            ),
            (edges, "0 0\n", "", "found 1 classes"),
            (edges, "0 0\n1 1\n", "nodes = 2", "`nodes` of at least 3"),
            (
                edges,
                "0 0\n1 2\n",
                "classes = 2",
                "`classes` of at least 3",
            ),
            (edges, "0 0\n1 1\n", "classes = 1", "`classes` from 2 on"),
        ] {
            let error = loaded(edges, seeds, more).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains('\n'), "{error}");
        }
        let missing = load(
            &"train = 'no'\nseeds = 'no'".parse().unwrap(),
            Path::new("/nowhere"),
        );
        assert!(missing.unwrap_err().to_string().contains("/nowhere/no"));
    }
}
