//! "Did you mean": from a key that does not exist to the one that was probably meant.

use super::sections::{SECTIONS, Section};

/// Words that other tools use for our keys, with the key's path. A word without a dot on the
/// right means a key of the same section, or a section.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("learning_rate", "optimizer.lr"),
    ("learningrate", "optimizer.lr"),
    ("learning-rate", "optimizer.lr"),
    ("step_size", "optimizer.lr"),
    ("lambda", "regularizer.l2"),
    ("weight_decay", "regularizer.l2"),
    ("reg", "regularizer.l2"),
    ("clip_norm", "gradient.transforms"),
    ("clipnorm", "gradient.transforms"),
    ("max_grad_norm", "gradient.transforms"),
    ("clip_grad_norm", "gradient.transforms"),
    ("clipvalue", "gradient.transforms"),
    ("gradient_noise", "gradient.transforms"),
    ("class_weights", "train.class_weight"),
    ("accumulate_grad_batches", "train.accumulate"),
    ("gradient_accumulation_steps", "train.accumulate"),
    ("batch", "train.batch_size"),
    ("batchsize", "train.batch_size"),
    ("minibatch", "train.batch_size"),
    ("epoch", "train.epochs"),
    ("num_epochs", "train.epochs"),
    ("n_epochs", "train.epochs"),
    ("passes", "train.epochs"),
    ("n_fetch", "method.n_pull"),
    ("warm_start", "method.solo_phase"),
    ("staleness", "consistency.lag"),
    ("slack", "consistency.lag"),
    ("num_workers", "cluster.workers"),
    ("n_workers", "cluster.workers"),
    ("num_servers", "cluster.servers"),
    ("n_servers", "cluster.servers"),
    ("random_seed", "seed"),
    ("dataset", "data"),
    ("optimiser", "optimizer"),
    ("optim", "optimizer"),
    ("regulariser", "regularizer"),
    ("algorithm", "name"),
    ("algo", "name"),
    ("kind", "name"),
    ("type", "name"),
    ("mode", "model"),
];

/// How like two words must be (Jaro-Winkler, 1 for equal) for one to be offered for the other.
const LIKE_ENOUGH: f64 = 0.8;

/// The candidate most like `word`, if one is like it enough to have been meant.
pub(super) fn closest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| LIKE_ENOUGH <= *likeness)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// The error for `word`, which is no key of `section` (or, with `None`, of the top).
pub(super) fn unknown_key(word: &str, section: Option<&Section>) -> String {
    let place = section.map_or_else(|| "at the top".to_owned(), |s| format!("in [{}]", s.name));
    let unknown = format!("unknown key `{word}` {place}");
    if let Some(meant) = meant(word, section) {
        return format!("{unknown}; did you mean {meant}?");
    }
    let mut known = section.map_or_else(top_keys, Section::keys);
    known.sort_unstable();
    format!("{unknown}; known there: {}", known.join(", "))
}

/// Whether other tools use `word` for a key that stands elsewhere than in `section`.
///
/// For sections with free keys: whatever the named entry accepts, these words are not it.
pub(super) fn belongs_elsewhere(word: &str, section: &Section) -> bool {
    section.name == "optimizer"
        && OTHER_WORDS
            .iter()
            .any(|(other, path)| *other == word && path.contains('.'))
}

/// The key or section that was probably meant, as an error names it.
fn meant(word: &str, section: Option<&Section>) -> Option<String> {
    let here = section.map_or_else(top_keys, Section::keys);
    let folded = word.to_lowercase();
    let synonym = OTHER_WORDS
        .iter()
        .find(|(other, _)| *other == folded)
        .map(|(_, path)| *path);
    match synonym.map(|path| path.split_once('.').ok_or(path)) {
        Some(Ok((home, key))) => return Some(named(home, key, section)),
        Some(Err(key)) if here.contains(&key) => return Some(format!("`{key}`")),
        _ => {}
    }
    if let Some(near) = closest(&folded, here.iter().copied()) {
        return Some(format!("`{near}`"));
    }
    let elsewhere = SECTIONS
        .iter()
        .find(|other| other.keys().contains(&word) && word != "name");
    elsewhere.map(|home| named(home.name, word, section))
}

fn named(home: &str, key: &str, section: Option<&Section>) -> String {
    if section.is_some_and(|section| section.name == home) {
        format!("`{key}`")
    } else {
        format!("`{key}` in [{home}]")
    }
}

fn top_keys() -> Vec<&'static str> {
    let sections = SECTIONS.iter().map(|section| section.name);
    ["name", "seed"]
        .into_iter()
        .chain(sections.filter(|name| !name.contains('.')))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(word: &str, section: &str) -> String {
        unknown_key(word, SECTIONS.iter().find(|s| s.name == section))
    }

    #[test]
    fn other_tools_words_lead_to_ours() {
        let text = "unknown key `learning_rate` in [optimizer]; did you mean `lr`?";
        assert_eq!(hint("learning_rate", "optimizer"), text);
        let text = "unknown key `weight_decay` in [optimizer]; did you mean `l2` in [regularizer]?";
        assert_eq!(hint("weight_decay", "optimizer"), text);
        assert_eq!(
            hint("mode", "consistency"),
            "unknown key `mode` in [consistency]; did you mean `model`?"
        );
    }

    #[test]
    fn every_other_word_leads_to_a_key_that_exists() {
        for (word, path) in OTHER_WORDS {
            let exists = match path.split_once('.') {
                Some((home, key)) => SECTIONS
                    .iter()
                    .any(|s| s.name == home && s.keys().contains(&key)),
                None => {
                    top_keys().contains(path) || SECTIONS.iter().any(|s| s.keys().contains(path))
                }
            };
            assert!(exists, "{word} leads to {path}, which does not exist");
        }
    }

    #[test]
    fn a_slip_of_the_pen_leads_to_the_closest_key() {
        let text = "unknown key `bach_size` in [train]; did you mean `batch_size`?";
        assert_eq!(hint("bach_size", "train"), text);
        assert_eq!(
            unknown_key("trian", None),
            "unknown key `trian` at the top; did you mean `train`?"
        );
    }

    #[test]
    fn a_key_in_the_wrong_section_leads_to_its_own() {
        let text = "unknown key `batch_size` in [cluster]; did you mean `batch_size` in [train]?";
        assert_eq!(hint("batch_size", "cluster"), text);
        assert_eq!(
            unknown_key("lr", None),
            "unknown key `lr` at the top; did you mean `lr` in [optimizer]?"
        );
    }

    #[test]
    fn a_word_like_no_other_is_answered_with_all_that_are_known() {
        let text = "unknown key `zzz` in [evaluate]; known there: every, train_rows";
        assert_eq!(hint("zzz", "evaluate"), text);
    }
}
