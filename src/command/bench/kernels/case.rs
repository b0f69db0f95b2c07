//! What is measured: every optimizer with its defaults, and the forms of it that keep other slots.

use anyhow::Result;
use thalweg_common::optimizer::{Facts, OPTIMIZERS, OptimizerEntry, optimizer};
use thalweg_common::shard_map::Grain;
use toml::Table;

/// An optimizer in one of its forms.
#[derive(Debug)]
pub(super) struct Case {
    /// The optimizer's name, and the settings that make the form.
    pub(super) label: String,
    /// The optimizer.
    pub(super) entry: &'static OptimizerEntry,
    /// What is not as by default.
    pub(super) settings: Table,
    /// What is known of the rule.
    pub(super) facts: Facts,
}

/// Settings that change what a step reads and writes for each parameter.
const FORMS: &[(&str, &str)] = &[
    ("rmsprop", "centered = true"),
    ("rmsprop", "momentum = 0.9"),
    ("rmsprop", "centered = true\nmomentum = 0.9"),
    ("adamw", "amsgrad = true"),
];

/// The cases of the optimizers called `names`, of all if there are no names.
///
/// # Errors
/// If no optimizer has one of the names.
pub(super) fn cases(names: &[String]) -> Result<Vec<Case>> {
    let chosen: Vec<&'static OptimizerEntry> = if names.is_empty() {
        OPTIMIZERS.iter().collect()
    } else {
        let found = names.iter().map(|name| optimizer(name));
        found.collect::<Result<_, _>>()?
    };
    let mut cases = Vec::new();
    for entry in chosen {
        let forms = FORMS.iter().filter(|(name, _)| *name == entry.name);
        for settings in std::iter::once("").chain(forms.map(|(_, settings)| *settings)) {
            cases.push(Case::new(entry, settings)?);
        }
    }
    Ok(cases)
}

impl Case {
    fn new(entry: &'static OptimizerEntry, text: &str) -> Result<Self> {
        let settings: Table = text.parse()?;
        let words = settings.iter().map(|(key, value)| match value {
            toml::Value::Boolean(true) => format!(", {key}"),
            other => format!(", {key} {other}"),
        });
        Ok(Self {
            label: std::iter::once(entry.name.to_owned())
                .chain(words)
                .collect(),
            entry,
            facts: entry.facts(&settings)?,
            settings,
        })
    }

    /// Whether the rule sees whole tensors.
    pub(super) fn needs_tensors(&self) -> bool {
        self.facts.grain == Grain::Tensors
    }

    /// Bytes of memory that one step must read and write for each parameter, the gradient included:
    /// every number that the server keeps is read and written, and what a worker had read is read, unless a rule of whole tensors goes
    /// over its tensor twice.
    pub(super) fn bytes_per_parameter(&self) -> usize {
        match (self.facts.grain, self.entry.name) {
            // Norms of x and g, then x and the velocity.
            (Grain::Tensors, "lars") => 28,
            // Moments and the norm of the update, then the update again from the moments.
            (Grain::Tensors, "lamb") => 40,
            // g for the factors, then g and x for the step; the factors themselves are small.
            (Grain::Tensors, "adafactor") => 24,
            _ => 4 + 8 * self.facts.numbers_per_element + self.facts.at_read.bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// State and bytes per parameter and step as the specification's table 0.9 has them; those that are
    /// not in it are counted likewise.
    const TABLE: &[(usize, &[&str])] = &[
        (12, &["sgd"]),
        (16, &["dc_asgd_constant"]),
        (
            20,
            &[
                "momentum",
                "momentum_lr_inside",
                "momentum_ewa",
                "momentum_ewa_corrected",
                "nesterov",
                "nag_lookahead",
                "qhm",
                "asgd",
                "averaged_sgd",
                "adagrad",
                "adagrad_eps_inside",
                "rmsprop",
                "rmsprop_eps_inside",
                "lion",
            ],
        ),
        (24, &["adafactor", "dc_asgd_adaptive", "gap_aware"]),
        (
            28,
            &[
                "adadelta",
                "adadelta_r0_eps",
                "rmsprop, centered",
                "rmsprop, momentum 0.9",
                "adam",
                "adam_eps_hat",
                "adam_eps_inside",
                "adam_survey",
                "adamw",
                "adamax",
                "adamax_eps_outside",
                "adamax_noeps",
                "nadam",
                "delayed_nesterov",
                "nadam_const",
                "nadam_simple",
                "nadam_survey",
                "nadam_full",
                "nadamax",
                "qhadam",
                "ftrl",
                "lars",
            ],
        ),
        (
            36,
            &[
                "aggmo",
                "rmsprop, centered, momentum 0.9",
                "amsgrad",
                "amsgrad_no_bias_correction",
                "amsgrad_max_of_corrected",
                "adamw, amsgrad",
            ],
        ),
        (40, &["lamb"]),
        (52, &["adaptive_revision"]),
        (60, &["ftrl_adaptive_revision"]),
    ];

    #[test]
    fn every_case_is_counted_with_the_bytes_of_the_specification() {
        let known = |label: &str| {
            let row = TABLE.iter().find(|(_, labels)| labels.contains(&label));
            row.map(|(bytes, _)| *bytes)
        };
        let cases = cases(&[]).unwrap();
        assert!(OPTIMIZERS.len() <= cases.len());
        for case in &cases {
            assert_eq!(
                Some(case.bytes_per_parameter()),
                known(&case.label),
                "{}",
                case.label
            );
        }
        let listed: usize = TABLE.iter().map(|(_, labels)| labels.len()).sum();
        assert_eq!(listed, cases.len());
    }

    #[test]
    fn each_velocity_of_aggmo_costs_eight_bytes() {
        for count in 1..=8_usize {
            let betas = vec!["0.5"; count].join(", ");
            let case = Case::new(optimizer("aggmo").unwrap(), &format!("betas = [{betas}]"));
            assert_eq!(case.unwrap().bytes_per_parameter(), 12 + 8 * count);
        }
    }

    #[test]
    fn a_name_that_is_not_known_is_answered_with_the_most_similar() {
        let refused = cases(&["adagrat".to_owned()]).unwrap_err().to_string();
        assert!(refused.contains("did you mean `adagrad`?"), "{refused}");
    }
}
