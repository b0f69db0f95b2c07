//! From what a job chose to the terms of each tensor.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::Table;

use super::constraint::Over;
use super::entry::{Acts, RegularizerEntry, Term};
use super::regularizer;
use super::terms::Terms;
use crate::layout::{ParameterLayout, Role, Tensor};
use crate::registry::{SettingError, laid_over, most_similar};
use crate::shard_map::{Grain, ShardMap};

/// One regularizer as a job chooses it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// The name in the registry.
    pub name: String,
    /// The tensors that it acts on, by name; without it, all but the biases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensors: Option<Vec<String>>,
    /// The regularizer's own settings.
    #[serde(flatten)]
    pub options: Table,
}

impl Chosen {
    /// A regularizer with one setting, on all tensors but the biases.
    #[must_use]
    pub fn everywhere(name: &str, key: &str, value: f64) -> Self {
        Self {
            name: name.to_owned(),
            tensors: None,
            options: Table::from_iter([(key.to_owned(), value.into())]),
        }
    }

    /// The entry of the registry, and the term that the settings mean.
    ///
    /// # Errors
    /// [`SettingError`] for an unknown name or key, a wrong type or a value out of range.
    pub fn build(&self) -> Result<(&'static RegularizerEntry, Term), SettingError> {
        let entry = regularizer(&self.name)?;
        Ok((entry, entry.build(&self.options)?))
    }

    /// Every setting: those given, and the defaults of the others.
    ///
    /// # Errors
    /// As [`Chosen::build`].
    pub fn complete(&self) -> Result<Table, SettingError> {
        let (entry, _) = self.build()?;
        laid_over(entry.name, entry.defaults, &self.options)
    }

    fn means(&self, tensor: &Tensor) -> bool {
        match &self.tensors {
            None => tensor.group.regularized && tensor.role == Role::Trainable,
            Some(names) => names.contains(&tensor.name),
        }
    }
}

/// Why regularizers cannot act on a model's tensors.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum RegularizerError {
    /// A name or a setting is wrong.
    #[error("[regularizer]: {0}")]
    Setting(#[from] SettingError),
    /// The model has no such tensor.
    #[error(
        "[regularizer]: `{term}` names the tensor `{tensor}`, which the model does not have{}; it \
         has: {known}",
        .suggestion.as_ref().map_or_else(String::new, |word| format!(" (did you mean `{word}`?)"))
    )]
    UnknownTensor {
        /// The regularizer.
        term: String,
        /// The name that was found.
        tensor: String,
        /// The tensor that is most like it.
        suggestion: Option<String>,
        /// All tensors, separated by commas.
        known: String,
    },
    /// A list of tensors without any.
    #[error(
        "[regularizer]: `{term}` has tensors = [], so that it would act on nothing; name some, or leave \
         the list out for all but the biases"
    )]
    NoTensor {
        /// The regularizer.
        term: String,
    },
    /// Two of them cannot both act on one tensor.
    #[error(
        "[regularizer]: `{first}` and `{second}` cannot both act on the tensor `{tensor}`: {why}"
    )]
    Together {
        /// The one that stands first.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// Where they meet.
        tensor: String,
        /// Why that is impossible, and how to mend it.
        why: &'static str,
    },
    /// A shard boundary runs through what must stay whole.
    #[error(
        "[regularizer]: a constraint needs each row of the tensor `{tensor}` in one shard, but so \
         many servers cut them; set [cluster] servers to at most {rows}, its number of rows"
    )]
    Cut {
        /// The tensor.
        tensor: String,
        /// Its rows.
        rows: u64,
    },
}

/// What acts on each tensor of a layout.
#[derive(Clone, Debug, Default)]
pub struct Regularization(Vec<Terms>);

impl Regularization {
    /// Lets the chosen regularizers act on the tensors of `layout`.
    ///
    /// # Errors
    /// [`RegularizerError`] for a wrong name or setting, an unknown tensor, or two that cannot act on
    /// one tensor.
    pub fn resolve(chosen: &[Chosen], layout: &ParameterLayout) -> Result<Self, RegularizerError> {
        let built: Vec<_> = chosen
            .iter()
            .map(|chosen| Ok((chosen, chosen.build()?)))
            .collect::<Result<_, RegularizerError>>()?;
        chosen
            .iter()
            .try_for_each(|chosen| check_tensors(chosen, layout))?;
        let of_tensor = |tensor: &Tensor| {
            let mut entries: Vec<&'static RegularizerEntry> = Vec::new();
            let mut terms = Terms::none();
            for (_, (entry, term)) in built.iter().filter(|(chosen, _)| chosen.means(tensor)) {
                for first in &entries {
                    check_together(first, entry, tensor)?;
                }
                entries.push(entry);
                terms = terms.with(term, unit(term, tensor));
            }
            Ok(terms)
        };
        let terms: Result<_, RegularizerError> = layout.tensors().iter().map(of_tensor).collect();
        terms.map(Self)
    }

    /// What acts on the tensor with this number in the layout.
    #[must_use]
    pub fn of_tensor(&self, number: usize) -> Terms {
        self.0.get(number).cloned().unwrap_or_default()
    }

    /// What a shard must hold of a tensor, for the constraints.
    #[must_use]
    pub fn grain(&self, layout: &ParameterLayout) -> Grain {
        let whole = self.0.iter().zip(layout.tensors()).any(|(terms, tensor)| {
            let row = usize::try_from(tensor.row_elements()).unwrap_or(usize::MAX);
            terms.unit().is_some_and(|unit| row < unit)
        });
        if whole { Grain::Tensors } else { Grain::Rows }
    }

    /// Judges a shard map that was cut by [`Self::grain`] or coarser.
    ///
    /// # Errors
    /// [`RegularizerError::Cut`] if it cuts what a constraint needs whole: with more servers than
    /// rows, rows are cut.
    pub fn check_cuts(
        &self,
        layout: &ParameterLayout,
        map: &ShardMap,
    ) -> Result<(), RegularizerError> {
        for (terms, (span, tensor)) in self.0.iter().zip(layout.spans()) {
            let Some(unit) = terms.unit() else { continue };
            let cuts_unit = |at: u64| {
                span.start < at && at < span.end && !(at - span.start).is_multiple_of(unit as u64)
            };
            if map
                .shards()
                .iter()
                .any(|shard| cuts_unit(shard.elements.start))
            {
                return Err(RegularizerError::Cut {
                    tensor: tensor.name.clone(),
                    rows: (span.end - span.start) / unit as u64,
                });
            }
        }
        Ok(())
    }

    /// What the penalties add to the objective at these parameters of the whole layout.
    ///
    /// # Panics
    /// Unless there is one parameter for each element of the layout.
    #[must_use]
    pub fn value(&self, layout: &ParameterLayout, parameters: &[f32]) -> f64 {
        let at = |flat| usize::try_from(flat).expect("parameters are in memory");
        let spans = layout.spans().map(|(span, _)| at(span.start)..at(span.end));
        self.0
            .iter()
            .zip(spans)
            .map(|(terms, span)| terms.value(&parameters[span]))
            .sum()
    }
}

/// Every tensor that is named exists.
fn check_tensors(chosen: &Chosen, layout: &ParameterLayout) -> Result<(), RegularizerError> {
    let names = || layout.tensors().iter().map(|tensor| tensor.name.as_str());
    if chosen.tensors.as_ref().is_some_and(Vec::is_empty) {
        let term = chosen.name.clone();
        return Err(RegularizerError::NoTensor { term });
    }
    let wanted = chosen.tensors.iter().flatten();
    match wanted
        .into_iter()
        .find(|wanted| layout.span(wanted).is_none())
    {
        None => Ok(()),
        Some(tensor) => Err(RegularizerError::UnknownTensor {
            term: chosen.name.clone(),
            tensor: tensor.clone(),
            suggestion: most_similar(tensor, names()),
            known: names().collect::<Vec<_>>().join(", "),
        }),
    }
}

fn check_together(
    first: &'static RegularizerEntry,
    second: &'static RegularizerEntry,
    tensor: &Tensor,
) -> Result<(), RegularizerError> {
    let both = |acts| first.acts == acts && second.acts == acts;
    let either = |name| first.name == name || second.name == name;
    let after = Acts::AfterTheRule;
    let why = if first.name == second.name {
        "one of each kind is enough; leave one out (`l2` and `l1` are terms, too)"
    } else if both(Acts::AsAConstraint) {
        "a projection on one set leaves the other; leave one out"
    } else if both(after) {
        "both shrink the parameter after the step, and the order would matter; leave one out, or \
         take elastic_net for both an L1 and an L2 part"
    } else if either("simplex") && (first.acts == after || second.acts == after) {
        "on a simplex every row has the same L1 norm, so that shrinking before the projection only \
         bends it; leave one out"
    } else {
        return Ok(());
    };
    Err(RegularizerError::Together {
        first: first.name,
        second: second.name,
        tensor: tensor.name.clone(),
        why,
    })
}

/// How many neighbouring elements a constraint is about. A vector is one row.
fn unit(term: &Term, tensor: &Tensor) -> usize {
    let elements = tensor.elements().unwrap_or(u64::MAX);
    let elements = match term {
        Term::Constraint(constraint)
            if constraint.over() == Over::Row && 1 < tensor.shape.len() =>
        {
            tensor.row_elements()
        }
        Term::Constraint(_) | Term::Penalty(_) => elements,
    };
    usize::try_from(elements).unwrap_or(usize::MAX)
}
