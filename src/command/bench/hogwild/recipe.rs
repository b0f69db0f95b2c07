//! The rows that are trained on: synthetic text with the shape of RCV1, and a harsher set.
//!
//! ```text
//! tokens of a row      log-normal(ln 69, 0.55), cut to 8 … 1,200
//! word of a token      of rank k with a probability ∝ 1/(k + s)^1.05; ranks have random numbers
//! value                (1 + ln tf) · ln(rows / df), rows scaled to length 1, six digits kept
//! label                sign(x·w − median), w normal on a tenth of the words, 5 % turned round
//! ```
//!
//! | set | s | what it is like |
//! |---|---|---|
//! | `rcv1-like` | 25 | 76 words a row, the most frequent in two fifths of the rows |
//! | `harsh` | 1 | fewer distinct words, the first ones in nearly every row |

use thalweg_common::seed::{mix, normal, unit};
use thalweg_worker::hogwild::rows::SparseRows;

/// Words.
pub(super) const FEATURES: u32 = 47_236;

/// Least and most tokens of a row.
const TOKENS: (f64, f64) = (8.0, 1_200.0);

/// Which set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recipe {
    /// Its name in the tables.
    pub(super) name: &'static str,
    /// s.
    shift: u32,
}

pub(super) const RCV1_LIKE: Recipe = Recipe {
    name: "rcv1-like",
    shift: 25,
};

pub(super) const HARSH: Recipe = Recipe {
    name: "harsh",
    shift: 1,
};

/// Rows that are trained on, by which the schedule is chosen, and that judge.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) train: SparseRows,
    pub(super) validation: SparseRows,
    pub(super) test: SparseRows,
}

/// Words of all rows, end to end, with their values.
struct Words {
    offsets: Vec<usize>,
    words: Vec<u32>,
    values: Vec<f32>,
}

impl Words {
    fn span(&self, row: usize) -> std::ops::Range<usize> {
        self.offsets[row]..self.offsets[row + 1]
    }
}

impl Recipe {
    /// So many rows to train on, and as many as `others` each for validation and test.
    pub(super) fn make(self, train: usize, others: usize, seed: u64) -> Parts {
        let rows = train + 2 * others;
        let words = self.words(rows, seed);
        let labels = labels(&words, seed);
        let part = |range: std::ops::Range<usize>| {
            let mut part = SparseRows::new(FEATURES);
            for row in range {
                let span = words.span(row);
                part.push(labels[row], &words.words[span.clone()], &words.values[span]);
            }
            part
        };
        Parts {
            train: part(0..train),
            validation: part(train..train + others),
            test: part(train + others..rows),
        }
    }

    fn words(self, rows: usize, seed: u64) -> Words {
        let law = self.law();
        let numbers = permutation(seed);
        let mut draws = draws(seed, 1);
        let mut made = Words {
            offsets: vec![0],
            words: Vec::new(),
            values: Vec::new(),
        };
        let mut documents = vec![0_u32; FEATURES as usize];
        let mut row = Vec::new();
        for _ in 0..rows {
            let tokens = (69_f64.ln() + normal(0.55, draws())).exp();
            let tokens = whole(tokens.clamp(TOKENS.0, TOKENS.1));
            row.clear();
            row.extend((0..tokens).map(|_| {
                let at = unit_of(&mut draws);
                let rank = law.partition_point(|below| *below <= at);
                numbers[rank.min(numbers.len() - 1)]
            }));
            row.sort_unstable();
            for equal in row.chunk_by(|a, b| a == b) {
                made.words.push(equal[0]);
                made.values.push(single(1.0 + (equal.len() as f64).ln()));
                documents[equal[0] as usize] += 1;
            }
            made.offsets.push(made.words.len());
        }
        let rarity = |word: u32| {
            let df = f64::from(documents[word as usize].max(1));
            (rows as f64 / df).ln()
        };
        for row in 0..rows {
            let span = made.span(row);
            let values = &mut made.values[span.clone()];
            for (value, word) in values.iter_mut().zip(&made.words[span]) {
                *value = single(f64::from(*value) * rarity(*word));
            }
            let norm = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
            let norm = norm.sqrt().max(f64::MIN_POSITIVE);
            for value in values {
                *value = single((f64::from(*value) / norm * 1e6).round() / 1e6);
            }
        }
        made
    }

    /// For each rank the probability of a lower one or this.
    fn law(self) -> Vec<f64> {
        let mut sum = 0.0;
        let below: Vec<f64> = (0..FEATURES)
            .map(|rank| {
                sum += f64::from(rank + self.shift).powf(-1.05);
                sum
            })
            .collect();
        below.into_iter().map(|below| below / sum).collect()
    }
}

fn labels(words: &Words, seed: u64) -> Vec<f32> {
    let mut draws = draws(seed, 2);
    let truth: Vec<f64> = (0..FEATURES)
        .map(|_| {
            let counts = unit_of(&mut draws) < 0.1;
            let weight = normal(1.0, draws());
            if counts { weight } else { 0.0 }
        })
        .collect();
    let rows = words.offsets.len() - 1;
    let scores: Vec<f64> = (0..rows)
        .map(|row| {
            let span = words.span(row);
            let terms = words.words[span.clone()].iter().zip(&words.values[span]);
            terms
                .map(|(word, value)| truth[*word as usize] * f64::from(*value))
                .sum()
        })
        .collect();
    let mut sorted = scores.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[rows / 2];
    let signs = scores.iter().map(|score| {
        let turned = unit_of(&mut draws) < 0.05;
        if (median < *score) == turned {
            -1.0
        } else {
            1.0
        }
    });
    signs.collect()
}

/// A random number for each rank.
fn permutation(seed: u64) -> Vec<u32> {
    let stream = mix(mix(seed) ^ 3);
    let mut numbers: Vec<u32> = (0..FEATURES).collect();
    numbers.sort_by_key(|number| mix(stream ^ u64::from(*number)));
    numbers
}

/// Mixed words, one after the other.
fn draws(seed: u64, purpose: u64) -> impl FnMut() -> u64 {
    let stream = mix(mix(seed) ^ purpose);
    let mut count = 0;
    move || {
        count += 1;
        mix(stream ^ mix(count))
    }
}

fn unit_of(draws: &mut impl FnMut() -> u64) -> f64 {
    unit(draws())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is cut to the range of tokens"
)]
fn whole(tokens: f64) -> usize {
    tokens as usize
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
fn single(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use super::{FEATURES, HARSH, RCV1_LIKE};

    #[test]
    fn rows_have_the_shape_that_the_recipe_says() {
        for (recipe, nonzeros, hottest) in
            [(RCV1_LIKE, 60..90, 0.3..0.6), (HARSH, 40..70, 0.95..1.01)]
        {
            let parts = recipe.make(2_000, 100, 7);
            let train = &parts.train;
            assert_eq!((train.len(), parts.test.len()), (2_000, 100));
            let all: usize = (0..2_000).map(|row| train.row(row).len()).sum();
            assert!(nonzeros.contains(&(all / 2_000)), "{}: {all}", recipe.name);
            let most = *train.degrees().iter().max().unwrap();
            let share = f64::from(most) / 2_000.0;
            assert!(hottest.contains(&share), "{}: {share}", recipe.name);
            let positive = (0..2_000).filter(|row| 0.0 < train.label(*row)).count();
            assert!((900..1_100).contains(&positive), "{positive}");
            for row in 0..2_000 {
                let row = train.row(row);
                assert!(row.features().is_sorted_by(|a, b| a < b));
                assert!(row.features().all(|word| word < FEATURES));
                let norm: f64 = row.values().iter().map(|v| f64::from(*v).powi(2)).sum();
                assert!((norm - 1.0).abs() < 1e-3, "{norm}");
            }
        }
    }
}
