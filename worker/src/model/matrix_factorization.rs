//! Matrix factorisation: what a user thinks of an item, as the inner product of a vector of the user
//! and one of the item, and a bias of each.
//!
//! ```text
//! s = μ + b_u + b_i + ⟨p_u, q_i⟩
//! loss = ½ (s − label)² + ½ λ (|p_u|² + |q_i|² + b_u² + b_i²)
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | μ | tensor `global_bias`, not regularized | one |
//! | b | tensors `user_bias`, `item_bias` | one per user, one per item |
//! | p, q | tensors `user_factors`, `item_factors`, at first normal(0, `init_std`) | [users, rank], [items, rank] |
//! | λ | `l2` | scalar ≥ 0, label² per parameter² |
//!
//! The features of a row below the number of users are its users, the others its items. Usually it has
//! one of each with the value 1; several are added up with their values, and of one that is missing, as
//! of a user who is new, nothing is added: what is left speaks. The term with λ counts once for each
//! rating that a user or an item has, as in the source. A term of `[regularizer]` would count once per
//! step instead.
//!
//! Source: Koren, Bell, Volinsky, "Matrix factorization techniques for recommender systems", IEEE
//! Computer 42 (2009), equation 5.

use std::{cell::RefCell, sync::Arc};

use serde::Deserialize;
use thalweg_common::{
    init::Init,
    layout::{ParameterLayout, Tensor},
};

use super::{
    Coverage, Located, Model, ModelEntry, ModelError, Output, Shape,
    factors::{FactorLayout, Row},
    linear::{mean_share, narrow},
    loss::squared,
    registry::{Laws, positive, read_keys, refuse},
};
use crate::data::{Rows, Task};

pub(super) const ENTRY: ModelEntry = ModelEntry {
    name: NAME,
    laws: Laws::in_row_order(&[
        "users = 15\nrank = 3\nl2 = 0.0",
        "users = 15\nrank = 2\nl2 = 0.05",
    ]),
    about: "ratings of items by users: a bias and a vector for each",
    source: "Koren, Bell, Volinsky, IEEE Computer 42 (2009)",
    keys: "rank = 16\ninit_std = 0.1\nl2 = 0.1\nusers = 0\nclip = []",
    check: |keys| read(keys).map(drop),
    build,
};

const NAME: &str = "matrix_factorization";

thread_local! {
    /// Two sums of factors. A model is shared by threads, and a batch must not allocate.
    static SUMS: RefCell<[Vec<f64>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    rank: u32,
    init_std: f64,
    l2: f64,
    users: u64,
    clip: Vec<f64>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            rank: 16,
            init_std: 0.1,
            l2: 0.1,
            users: 0,
            clip: Vec::new(),
        }
    }
}

fn read(keys: &toml::Table) -> Result<Keys, ModelError> {
    let keys: Keys = read_keys(NAME, keys)?;
    positive(NAME, "rank", keys.rank.into())?;
    positive(NAME, "init_std", keys.init_std)?;
    if !(0.0 <= keys.l2 && keys.l2.is_finite()) {
        let found = keys.l2;
        return refuse(
            NAME,
            format!("`l2` is {found}, but must be a finite number of at least 0"),
        );
    }
    match keys.clip[..] {
        [] => Ok(keys),
        [low, high] if low < high => Ok(keys),
        _ => refuse(
            NAME,
            format!(
                "`clip` is {:?}, but must be the least and the greatest prediction, such as [1.0, 5.0]",
                keys.clip
            ),
        ),
    }
}

/// How many of the features are users.
fn users(keys: &Keys, shape: &Shape) -> Result<u64, ModelError> {
    match (shape.fields.as_slice(), keys.users) {
        ([users, _], 0) => Ok(*users),
        ([users, _], said) if said == *users => Ok(*users),
        ([users, _], said) => refuse(
            NAME,
            format!("`users` is {said}, but the first column of the data became {users} features; leave it out"),
        ),
        ([], 0) => refuse(
            NAME,
            "these data have no columns, so that nothing tells users from items; set `users` in [model] \
             to the number of features that are users: they come first"
                .to_owned(),
        ),
        ([], said) if said < shape.features => Ok(said),
        ([], said) => refuse(
            NAME,
            format!(
                "`users` is {said}, but must be below the number of features, {}: the others are items",
                shape.features
            ),
        ),
        (fields, _) => refuse(
            NAME,
            format!(
                "expected data of two columns, a user and an item, found {}; choose two of them in [data]",
                fields.len()
            ),
        ),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
fn build(keys: &toml::Table, shape: &Shape) -> Result<Arc<dyn Model>, ModelError> {
    let keys = read(keys)?;
    if shape.task != Task::Real {
        return Err(ModelError::WrongTask {
            model: NAME,
            expected: "real labels",
            found: shape.task,
            mend: "set task = \"real\" in [data], so that ratings are numbers and no classes",
        });
    }
    let users = users(&keys, shape)?;
    let (items, rank) = (shape.features - users, u64::from(keys.rank));
    let factors = |name, rows| {
        let mut tensor = Tensor::trainable(name, vec![rows, rank]);
        tensor.init = Init::Normal { std: keys.init_std };
        tensor
    };
    let layout = ParameterLayout::new(vec![
        Tensor::trainable("global_bias", vec![1]).unregularized(),
        Tensor::trainable("user_bias", vec![users]),
        Tensor::trainable("item_bias", vec![items]),
        factors("user_factors", users),
        factors("item_factors", items),
    ])?;
    Ok(Arc::new(MatrixFactorization {
        factors: FactorLayout::new(layout, shape.features, keys.rank),
        users,
        rank: keys.rank as usize,
        l2: keys.l2,
        clip: match keys.clip[..] {
            [low, high] => [low as f32, high as f32],
            _ => [f32::NEG_INFINITY, f32::INFINITY],
        },
    }))
}

#[derive(Clone, Debug)]
struct MatrixFactorization {
    factors: FactorLayout,
    users: u64,
    rank: usize,
    l2: f64,
    clip: [f32; 2],
}

impl MatrixFactorization {
    /// Calls `each` with every row's number, its users and its items, the sums of their factors, and
    /// its score.
    fn with_scores(
        &self,
        rows: &Rows,
        located: &Located,
        x: &[f32],
        mut each: impl FnMut(usize, [Row<'_>; 2], [&[f64]; 2], f64),
    ) {
        SUMS.with_borrow_mut(|[of_users, of_items]| {
            for number in 0..rows.len() {
                let span = rows.span(number);
                let items = rows.features()[span.clone()]
                    .partition_point(|feature| u64::from(*feature) < self.users);
                let middle = span.start + items;
                let sides =
                    [span.start..middle, middle..span.end].map(|side| Row::of(rows, located, side));
                let mut score = f64::from(x[located.tensors[0] as usize]);
                for (side, sums) in sides.iter().zip([&mut *of_users, &mut *of_items]) {
                    sums.clear();
                    sums.resize(self.rank, 0.0);
                    score += side.sum(x, sums);
                }
                score += dot(of_users, of_items);
                each(number, sides, [of_users, of_items], score);
            }
        });
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Model for MatrixFactorization {
    fn layout(&self) -> &ParameterLayout {
        &self.factors.layout
    }

    fn output(&self) -> Output {
        Output::Value
    }

    fn touched(&self, rows: &Rows, out: &mut Vec<u64>) {
        self.factors.touched(rows, out);
    }

    fn locate(
        &self,
        rows: &Rows,
        coverage: &Coverage,
        out: &mut Located,
    ) -> Result<(), ModelError> {
        self.factors.locate(rows, coverage, out)
    }

    fn gradient(&self, rows: &Rows, located: &Located, x: &[f32], gradient: &mut [f32]) -> f64 {
        let share = mean_share(rows);
        let mut losses = 0.0;
        self.with_scores(
            rows,
            located,
            x,
            |number, sides, [of_users, of_items], score| {
                let at = squared(f64::from(rows.labels()[number]), score);
                let weight = rows.weight(number);
                let (slope, pull) = (weight * at.slope * share, weight * self.l2 * share);
                let mut squares = 0.0;
                gradient[located.tensors[0] as usize] += narrow(slope);
                for (side, across) in sides.into_iter().zip([of_items, of_users]) {
                    for (value, bias, factors) in side.each() {
                        let own = f64::from(x[bias]);
                        squares += own * own;
                        gradient[bias] += narrow(slope * value + pull * own);
                        let factors = factors..factors + self.rank;
                        let slopes = gradient[factors.clone()].iter_mut();
                        for ((element, factor), across) in slopes.zip(&x[factors]).zip(across) {
                            let own = f64::from(*factor);
                            squares += own * own;
                            *element += narrow(slope * value * across + pull * own);
                        }
                    }
                }
                losses += weight * (at.loss + 0.5 * self.l2 * squares);
            },
        );
        losses
    }

    fn scores(&self, rows: &Rows, located: &Located, x: &[f32], out: &mut Vec<f32>) {
        let [low, high] = self.clip;
        out.clear();
        // `clamp` leaves NaN as it is.
        self.with_scores(rows, located, x, |_, _, _, score| {
            out.push(narrow(score).clamp(low, high));
        });
    }

    fn loss(&self, label: f32, scores: &[f32]) -> f64 {
        squared(f64::from(label), f64::from(scores[0])).loss
    }
}

#[cfg(test)]
mod tests {
    use crate::data::{Rows, Task};
    use crate::model::{Coverage, Located, Model, Shape, build};

    /// μ = 3, biases of users (0.5, −0.5), of items (0.25, 1), p = (1, 2), (0, 1), q = (2, 0), (−1, 0.5).
    const X: [f32; 13] = [
        3.0, 0.5, -0.5, 0.25, 1.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0, -1.0, 0.5,
    ];

    fn columns(fields: &[u64]) -> Shape {
        Shape {
            fields: fields.to_vec(),
            ..Shape::plain(4, Task::Real)
        }
    }

    fn scores(model: &dyn Model, rows: &Rows) -> Vec<f32> {
        let (mut located, mut scores) = (Located::default(), Vec::new());
        model
            .locate(rows, &Coverage::Whole(13), &mut located)
            .unwrap();
        model.scores(rows, &located, &X, &mut scores);
        scores
    }

    #[test]
    fn the_score_is_the_formula_and_what_is_unknown_adds_nothing() {
        let mut rows = Rows::new();
        for (number, features) in (0..).zip([&[0, 3][..], &[1, 2], &[3], &[0], &[]]) {
            rows.push_ones(number, 4.0, features);
        }
        let keys = "rank = 2".parse().unwrap();
        let model = build("matrix_factorization", &keys, &columns(&[2, 2])).unwrap();
        let expected = [3.0 + 0.5 + 1.0 + 0.0, 3.0 - 0.5 + 0.25 + 0.0, 4.0, 3.5, 3.0];
        for (found, expected) in scores(&*model, &rows).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
        }
        let keys = "rank = 2\nclip = [3.1, 4]".parse().unwrap();
        let clipped = build("matrix_factorization", &keys, &columns(&[2, 2])).unwrap();
        let expected = [4.0, 3.1, 4.0, 3.5, 3.1];
        for (found, expected) in scores(&*clipped, &rows).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
        }
    }

    #[test]
    fn users_are_told_by_the_columns_or_by_their_number_or_refused() {
        for (keys, fields, users) in [
            ("", &[3, 1][..], 3),
            ("users = 3", &[3, 1], 3),
            ("users = 1", &[], 1),
        ] {
            let model = build(
                "matrix_factorization",
                &keys.parse().unwrap(),
                &columns(fields),
            );
            let model = model.unwrap();
            assert_eq!(model.layout().tensors()[1].shape, [users], "{keys}");
            assert_eq!(model.layout().tensors()[4].shape, [4 - users, 16], "{keys}");
        }
        for (keys, fields, words) in [
            ("", &[][..], "set `users`"),
            ("users = 4", &[], "below the number of features, 4"),
            ("users = 2", &[3, 1], "became 3 features"),
            (
                "",
                &[1, 1, 2],
                "expected data of two columns, a user and an item, found 3",
            ),
            ("clip = [5, 1]", &[3, 1], "`clip`"),
            ("l2 = -1", &[3, 1], "`l2` is -1"),
            ("rank = 0", &[3, 1], "`rank` is 0"),
        ] {
            let refused = build(
                "matrix_factorization",
                &keys.parse().unwrap(),
                &columns(fields),
            );
            let refused = refused.unwrap_err().to_string();
            assert!(
                refused.contains(words) && !refused.contains('\n'),
                "{refused}"
            );
        }
    }
}
