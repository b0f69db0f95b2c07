//! One tensor of a layout: name, shape, role, group and initial values.

use serde::{Deserialize, Serialize};

use crate::init::Init;

/// What the elements of a tensor are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The optimizer moves them.
    #[default]
    Trainable,
    /// They are measured, not trained (running means): pushes of kind statistic set them.
    Statistic,
}

/// How the optimizer treats a tensor, relative to the job's settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Factor on the job's learning rate.
    pub lr_factor: f64,
    /// Whether the job's regularizer acts here. Biases say no.
    pub regularized: bool,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            lr_factor: 1.0,
            regularized: true,
        }
    }
}

/// A named block of elements, row-major.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tensor {
    /// The name, unique in its layout.
    pub name: String,
    /// Sizes, slowest first. A vector has one, a table `[rows, columns]`.
    pub shape: Vec<u64>,
    /// What the elements are.
    pub role: Role,
    /// How the optimizer treats them.
    pub group: Group,
    /// How they start.
    pub init: Init,
    /// Whether the first axis is that of a layer's inputs, so that what one input needs is one row, which
    /// a sparse pull asks for. Files show such a weight as torch has it: `[outputs, inputs]`.
    #[serde(default)]
    pub by_input: bool,
}

impl Tensor {
    /// A trainable tensor of zeros in the default group.
    #[must_use]
    pub fn trainable(name: impl Into<String>, shape: Vec<u64>) -> Self {
        Self {
            name: name.into(),
            shape,
            role: Role::Trainable,
            group: Group::default(),
            init: Init::Zeros,
            by_input: false,
        }
    }

    /// The same tensor as a weight with a row for each input.
    #[must_use]
    pub fn by_input(mut self) -> Self {
        self.by_input = true;
        self
    }

    /// The same tensor out of the regularizer's reach.
    #[must_use]
    pub fn unregularized(mut self) -> Self {
        self.group.regularized = false;
        self
    }

    /// The number of elements; `None` if it does not fit 64 bits.
    #[must_use]
    pub fn elements(&self) -> Option<u64> {
        self.shape
            .iter()
            .try_fold(1_u64, |product, size| product.checked_mul(*size))
    }

    /// Elements per row: the product of all sizes but the first. 1 for a vector.
    #[must_use]
    pub fn row_elements(&self) -> u64 {
        self.shape.iter().skip(1).product::<u64>().max(1)
    }
}
