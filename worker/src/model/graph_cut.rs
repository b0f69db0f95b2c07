//! Graph cut: every node of a graph gets a mixture of classes, and neighbours shall have the same.
//!
//! ```text
//! loss of an edge = w ‖x_u − x_v‖₁ = Σ_d |Σⱼ vⱼ xⱼ_d|        x of a seed of class c is e_c, and no parameter
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | x | tensor `nodes`, one row per node | [nodes, classes] |
//! | v | the values of a row: w at one end of the edge, −w at the other | sparse |
//! | `e_c` | the last `classes` features: where an edge ends at a seed, it ends at its class | |
//!
//! Rows of x are to be on the simplex: that is the job's `[regularizer]`, `name = "simplex"`, which also
//! moves the zeros at the start to the middle of it. A row of more than two features is as the formula
//! says: how far their weighted sum is from zero.
//!
//! Source: Niu, Recht, Ré, Wright, *Hogwild!*, NIPS 2011, section 2; Călinescu, Karloff, Rabani, STOC
//! 1998.

use std::{cell::RefCell, sync::Arc};

use serde::Deserialize;
use thalweg_common::layout::{ParameterLayout, Tensor};

use super::{
    Coverage, Located, Model, ModelEntry, ModelError, Output, Shape,
    linear::{mean_share, narrow, spread},
    registry::{Laws, read_keys, refuse},
};
use crate::data::{Rows, Task};

pub(super) const ENTRY: ModelEntry = ModelEntry {
    name: NAME,
    laws: Laws::in_row_order(&["classes = 3", "classes = 2"]),
    about: "nodes of a graph, a mixture of classes for each, so that few edges join different ones",
    source: "Niu, Recht, Ré, Wright, NIPS 2011; Călinescu, Karloff, Rabani, STOC 1998",
    keys: "classes = 0",
    check: |keys| read_keys::<Keys>(NAME, keys).map(drop),
    build,
};

const NAME: &str = "graph_cut";

thread_local! {
    /// Σⱼ vⱼ xⱼ of one row. A model is shared by threads, and a batch must not allocate.
    static SUMS: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    /// 0: as many as the data say.
    classes: u64,
}

/// How many features are nodes, and how many are classes.
fn sides(keys: Keys, shape: &Shape) -> Result<[u64; 2], ModelError> {
    let classes = match (shape.fields.as_slice(), keys.classes) {
        (&[_, classes], 0) => classes,
        (&[_, classes], said) if said == classes => said,
        ([], said) if 0 < said => said,
        (fields, said) => {
            return refuse(
                NAME,
                format!(
                    "`classes` is {said} and the data have {} columns; use the data set \"graph\", whose columns \
                     are nodes and classes, or say how many of the last features are classes",
                    fields.len()
                ),
            );
        }
    };
    if !(2..shape.features).contains(&classes) {
        return refuse(
            NAME,
            format!(
                "expected from 2 classes on, and less than there are features ({}), found {classes}",
                shape.features
            ),
        );
    }
    Ok([shape.features - classes, classes])
}

fn build(keys: &toml::Table, shape: &Shape) -> Result<Arc<dyn Model>, ModelError> {
    let keys: Keys = read_keys(NAME, keys)?;
    if shape.task != Task::Real {
        return Err(ModelError::WrongTask {
            model: NAME,
            expected: "real labels, which it does not read",
            found: shape.task,
            mend: "use the data set \"graph\"",
        });
    }
    let [nodes, classes] = sides(keys, shape)?;
    let layout = ParameterLayout::new(vec![Tensor::trainable("nodes", vec![nodes, classes])])?;
    Ok(Arc::new(GraphCut {
        layout,
        nodes,
        classes: usize::try_from(classes).expect("a layout has less than usize elements"),
    }))
}

#[derive(Clone, Debug)]
struct GraphCut {
    layout: ParameterLayout,
    nodes: u64,
    classes: usize,
}

impl GraphCut {
    /// The class that a feature is a seed of.
    fn class(&self, feature: u32) -> Option<usize> {
        let class = u64::from(feature).checked_sub(self.nodes)?;
        Some(usize::try_from(class).expect("classes are fewer than elements"))
    }

    /// Calls `each` with every row's number, Σⱼ vⱼ xⱼ and its length.
    fn with_scores(
        &self,
        rows: &Rows,
        located: &Located,
        x: &[f32],
        mut each: impl FnMut(usize, &[f64], f64),
    ) {
        SUMS.with_borrow_mut(|sums| {
            for number in 0..rows.len() {
                sums.clear();
                sums.resize(self.classes, 0.0);
                for index in rows.span(number) {
                    let value = f64::from(rows.values()[index]);
                    if let Some(class) = self.class(rows.features()[index]) {
                        sums[class] += value;
                        continue;
                    }
                    let first = located.features[index] as usize;
                    for (sum, x) in sums.iter_mut().zip(&x[first..first + self.classes]) {
                        *sum += value * f64::from(*x);
                    }
                }
                let score = sums.iter().map(|sum| sum.abs()).sum();
                each(number, sums, score);
            }
        });
    }
}

/// −1, 0 or 1; of a number that is none, that number.
fn sign(number: f64) -> f64 {
    if number == 0.0 { 0.0 } else { number.signum() }
}

impl Model for GraphCut {
    fn layout(&self) -> &ParameterLayout {
        &self.layout
    }

    fn output(&self) -> Output {
        Output::Value
    }

    fn touched(&self, rows: &Rows, out: &mut Vec<u64>) {
        out.clear();
        let features = rows.features().iter().map(|feature| u64::from(*feature));
        let nodes = features.filter(|feature| *feature < self.nodes);
        out.extend(nodes.map(|node| node * self.classes as u64));
        out.sort_unstable();
        out.dedup();
        spread(out, self.classes as u64);
    }

    fn locate(
        &self,
        rows: &Rows,
        coverage: &Coverage,
        out: &mut Located,
    ) -> Result<(), ModelError> {
        coverage.check_size()?;
        out.clear();
        let classes = self.classes as u64;
        for row in 0..rows.len() {
            let mut place = 0;
            for &feature in rows.row(row).0 {
                if self.class(feature).is_none() {
                    place = coverage.find(u64::from(feature) * classes, classes, place)?;
                }
                // Of a class nothing is read: any place will do.
                out.features.push(place);
            }
        }
        Ok(())
    }

    fn gradient(&self, rows: &Rows, located: &Located, x: &[f32], gradient: &mut [f32]) -> f64 {
        let share = mean_share(rows);
        let mut losses = 0.0;
        self.with_scores(rows, located, x, |number, sums, score| {
            let weight = rows.weight(number);
            losses += weight * score;
            for index in rows.span(number) {
                if self.class(rows.features()[index]).is_some() {
                    continue;
                }
                let slope = weight * share * f64::from(rows.values()[index]);
                let first = located.features[index] as usize;
                for (element, sum) in gradient[first..].iter_mut().zip(sums) {
                    *element += narrow(slope * sign(*sum));
                }
            }
        });
        losses
    }

    fn scores(&self, rows: &Rows, located: &Located, x: &[f32], out: &mut Vec<f32>) {
        out.clear();
        self.with_scores(rows, located, x, |_, _, score| out.push(narrow(score)));
    }

    /// What the edge costs; the label is not read.
    fn loss(&self, _label: f32, scores: &[f32]) -> f64 {
        f64::from(scores[0])
    }
}

#[cfg(test)]
mod tests {
    use crate::data::{Rows, Task};
    use crate::model::{Coverage, Located, Shape, build};

    #[test]
    fn an_edge_costs_its_weight_times_the_distance_of_its_ends_and_seeds_are_corners() {
        let shape = Shape {
            fields: vec![2, 3],
            ..Shape::plain(5, Task::Real)
        };
        let model = build("graph_cut", &toml::Table::new(), &shape).unwrap();
        assert_eq!(model.layout().tensors()[0].shape, [2, 3]);
        let mut rows = Rows::new();
        rows.push(0, 0.0, &[0, 1], &[2.0, -2.0]);
        rows.push(1, 0.0, &[1, 4], &[0.5, -0.5]);
        rows.push(2, 0.0, &[2, 3], &[1.5, -1.5]);
        rows.push(3, 0.0, &[], &[]);
        let x = [0.5, 0.5, 0.0, 0.25, 0.25, 0.5];
        let (mut located, mut scores) = (Located::default(), Vec::new());
        let whole = Coverage::Whole(6);
        model.locate(&rows, &whole, &mut located).unwrap();
        model.scores(&rows, &located, &x, &mut scores);
        assert_eq!(scores, [2.0, 0.5, 3.0, 0.0]);
        let mut gradient = [0.0; 6];
        rows.set_batch_rows(1);
        let losses = model.gradient(&rows, &located, &x, &mut gradient);
        assert!((losses - 5.5).abs() < 1e-12);
        let expected = [2.0_f32, 2.0, -2.0, -1.5, -1.5, 1.5];
        assert_eq!(gradient.map(f32::to_bits), expected.map(f32::to_bits));
    }

    #[test]
    fn classes_are_told_by_the_columns_or_by_their_number_or_refused() {
        for (keys, fields, words) in [
            ("", &[][..], "use the data set \"graph\""),
            ("classes = 2", &[7, 3], "`classes` is 2"),
            ("classes = 1", &[], "from 2 classes on"),
            ("classes = 10", &[], "less than there are features (10)"),
        ] {
            let shape = Shape {
                fields: fields.to_vec(),
                ..Shape::plain(10, Task::Real)
            };
            let refused = build("graph_cut", &keys.parse().unwrap(), &shape).unwrap_err();
            assert!(refused.to_string().contains(words), "{refused}");
        }
    }
}
