//! What the registry says of every method.

use std::collections::BTreeSet;

use thalweg_common::config::{Draft, Registries};
use toml::Table;

use crate::method::{METHODS, MethodEntry, Place};

#[test]
fn every_method_says_what_it_is_and_its_recipe_makes_a_job_that_it_accepts() {
    let mut names = BTreeSet::new();
    for entry in METHODS {
        let name = entry.name;
        assert!(names.insert(name), "{name} twice");
        for words in [
            entry.about,
            entry.source,
            entry.memory.worker,
            entry.memory.servers,
        ] {
            assert!(!words.is_empty(), "{name}");
        }
        let recipe = MethodEntry::recipe_of(name);
        assert_eq!(
            recipe.contains_key("outer"),
            matches!(entry.place, Place::Workers(_)),
            "{name}"
        );
        let text = format!("[optimizer]\nlr = 0.05\n[method]\nname = '{name}'\n");
        let draft = Draft::parse("job", &text).unwrap();
        let registries = Registries {
            recipe: MethodEntry::recipe_of,
            ..Registries::COMMON
        };
        let job = draft.check(&registries).unwrap();
        let written: Table = job.to_toml().parse().unwrap();
        for (section, keys) in &recipe {
            for (key, value) in keys.as_table().unwrap() {
                assert_eq!(
                    written[section].get(key),
                    Some(value),
                    "{name}: {section}.{key}"
                );
            }
        }
        for fixed in entry.fixed {
            let of: Table = format!("{} = {}", fixed.key, fixed.value).parse().unwrap();
            let (section, keys) = of.iter().next().unwrap();
            for (key, value) in keys.as_table().unwrap() {
                assert_eq!(
                    written[section].get(key),
                    Some(value),
                    "{name}: {}",
                    fixed.key
                );
            }
        }
    }
}
