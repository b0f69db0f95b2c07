//! Matrix completion: ratings as inner products of a vector of the row and one of the column, each
//! pulled to zero by its share of the regularizer.
//!
//! ```text
//! f(L, R) = Σ_{(u,v) ∈ E} [ (s_uv − Z_uv)² + μ/(2|E_u|) ‖L_u‖² + μ/(2|E_v|) ‖R_v‖² ]
//! s_uv = ⟨L_u, R_v⟩        with biases: s_uv = m + b_u + b_v + ⟨L_u, R_v⟩
//! ∂/∂L_u = 2 (s_uv − Z_uv) R_v + μ/|E_u| L_u        and so for R_v, b_u, b_v
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | `Z_uv` | an [`Entry`] | what is known of the matrix |
//! | L, R | one vector of `rank` numbers for each user and item | rating^½ |
//! | m, b | one number, one for each user and item; m is not regularized | rating |
//! | `E_u`, `E_v` | ratings of the user, of the item | |
//! | μ | `mu` | ≥ 0; over all ratings the terms add up to μ/2 · (‖L‖² + ‖R‖²) |
//!
//! With biases the coordinates are m, all `b_u`, all `b_v`, L, R: the layout of the model
//! `matrix_factorization`. Without, they are L, R.
//!
//! Source: Niu, Recht, Ré, Wright, *Hogwild!*, NIPS 2011, section 2; the biases are Koren's, IEEE
//! Computer 42 (2009).

use thalweg_common::seed::{Purpose, derive, mix, normal};

use super::HogwildError;
use super::objective::{Objective, Point};
use super::rows::{Bias, expect_task};
use crate::data::{Dataset, Rows, Task};

/// Standard deviation of the vectors at the start, over √rank.
const START_STD: f64 = 0.5;

/// A known element of the matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// Its row.
    pub user: u32,
    /// Its column.
    pub item: u32,
    /// Its value.
    pub value: f32,
}

/// Ratings and what they are approximated by.
#[derive(Clone, Debug)]
pub struct MatrixCompletion {
    entries: Vec<Entry>,
    rank: usize,
    mu: f64,
    bias: Bias,
    /// m at the start.
    mean: f32,
    users: Side,
    items: Side,
}

/// The users or the items.
#[derive(Clone, Debug)]
struct Side {
    /// The coordinate of the first bias.
    biases: usize,
    /// The coordinate of the first vector.
    vectors: usize,
    /// `μ/|E_u`|.
    pull: Vec<f32>,
    /// `μ/(2|E_u`|).
    share: Vec<f64>,
}

impl Side {
    fn new(counts: &[u32], mu: f64) -> Self {
        let counts = counts.iter().map(|count| f64::from((*count).max(1)));
        let share: Vec<f64> = counts.map(|count| mu / (2.0 * count)).collect();
        Self {
            biases: 0,
            vectors: 0,
            pull: share.iter().map(|s| super::single(2.0 * s)).collect(),
            share,
        }
    }
}

impl MatrixCompletion {
    /// The objective of these ratings by so many users of so many items.
    ///
    /// # Errors
    /// When there is no rating, one of a user or an item that there is not, or an impossible number.
    pub fn new(
        entries: Vec<Entry>,
        (users, items): (u32, u32),
        rank: usize,
        mu: f64,
        bias: Bias,
    ) -> Result<Self, HogwildError> {
        if entries.is_empty() || rank == 0 || !(0.0 <= mu && mu.is_finite()) {
            return Err(HogwildError::Problem(format!(
                "expected ratings, a rank from 1 and a finite `mu` from 0, found {} ratings, rank {rank} and \
                 `mu` {mu}",
                entries.len()
            )));
        }
        let mut counts = [vec![0_u32; users as usize], vec![0_u32; items as usize]];
        let mut sum = 0.0;
        for entry in &entries {
            if users <= entry.user || items <= entry.item {
                return Err(HogwildError::Problem(format!(
                    "expected users below {users} and items below {items}, found {entry:?}; raise the numbers"
                )));
            }
            counts[0][entry.user as usize] += 1;
            counts[1][entry.item as usize] += 1;
            sum += f64::from(entry.value);
        }
        let mean = super::single(sum / entries.len() as f64);
        let mut made = Self {
            entries,
            rank,
            mu,
            bias,
            mean,
            users: Side::new(&counts[0], mu),
            items: Side::new(&counts[1], mu),
        };
        let (users, items) = (users as usize, items as usize);
        let mut next = 0;
        if bias == Bias::Added {
            (made.users.biases, made.items.biases) = (1, 1 + users);
            next = 1 + users + items;
        }
        (made.users.vectors, made.items.vectors) = (next, next + users * rank);
        match u32::try_from(made.coordinates()) {
            Ok(_) => Ok(made),
            Err(_) => Err(HogwildError::Problem(format!(
                "expected less than 2^32 coordinates, found {}; lower the rank",
                made.coordinates()
            ))),
        }
    }

    /// The objective of a data set whose rows have two features, a user below `users` and an item.
    ///
    /// # Errors
    /// As [`Self::new`], and when a row is no rating of one item by one user.
    pub fn of(
        data: &dyn Dataset,
        users: u64,
        rank: usize,
        mu: f64,
        bias: Bias,
    ) -> Result<Self, HogwildError> {
        expect_task(data.task(), Task::Real, "matrix completion")?;
        let mut rows = Rows::new();
        let mut entries = Vec::new();
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        for number in 0..data.rows() {
            data.fill(&[number], &mut rows);
            match rows.row(0).0 {
                [user, item] if u64::from(*user) < users && users <= u64::from(*item) => {
                    entries.push(Entry {
                        user: *user,
                        item: small(u64::from(*item) - users),
                        value: rows.labels()[0],
                    });
                }
                other => {
                    return Err(HogwildError::Problem(format!(
                        "row {number}: expected one user (a feature below {users}) and one item, found the \
                         features {other:?}; leave such rows out"
                    )));
                }
            }
        }
        let items = data.features().saturating_sub(users);
        Self::new(entries, (small(users), small(items)), rank, mu, bias)
    }

    /// The same with λ(‖`L_u`‖² + ‖`R_v`‖²) in every term instead of what μ says: the term of the model
    /// `matrix_factorization`, of whose loss this is twice the value.
    #[must_use]
    pub fn with_l2_per_rating(mut self, l2: f64) -> Self {
        for side in [&mut self.users, &mut self.items] {
            side.share.fill(l2);
            side.pull.fill(super::single(2.0 * l2));
        }
        self
    }

    /// μ.
    #[must_use]
    pub fn mu(&self) -> f64 {
        self.mu
    }

    /// The ratings.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// `s_uv` by x.
    #[must_use]
    pub fn predict(&self, entry: &Entry, x: &dyn Fn(usize) -> f64) -> f64 {
        let (user, item) = (entry.user as usize, entry.item as usize);
        let (p, q) = self.vectors(entry);
        let mut score: f64 = (0..self.rank).map(|k| x(p + k) * x(q + k)).sum();
        if self.bias == Bias::Added {
            score += x(0) + x(self.users.biases + user) + x(self.items.biases + item);
        }
        score
    }

    #[inline]
    fn vectors(&self, entry: &Entry) -> (usize, usize) {
        (
            self.users.vectors + entry.user as usize * self.rank,
            self.items.vectors + entry.item as usize * self.rank,
        )
    }
}

impl Objective for MatrixCompletion {
    const PROJECTED: bool = false;

    fn coordinates(&self) -> usize {
        self.items.vectors + self.items.pull.len() * self.rank
    }

    fn terms(&self) -> usize {
        self.entries.len()
    }

    fn size(&self, _term: usize) -> usize {
        match self.bias {
            Bias::Added => 3 + 2 * self.rank,
            Bias::Absent => 2 * self.rank,
        }
    }

    fn touched(&self, term: usize, out: &mut Vec<u32>) {
        let entry = &self.entries[term];
        let (p, q) = self.vectors(entry);
        let number = |v| u32::try_from(v).expect("coordinates have 32 bits");
        out.clear();
        if self.bias == Bias::Added {
            out.push(0);
            out.push(number(self.users.biases + entry.user as usize));
            out.push(number(self.items.biases + entry.item as usize));
        }
        out.extend((p..p + self.rank).chain(q..q + self.rank).map(number));
    }

    #[inline]
    fn slopes<P: Point>(&self, term: usize, point: &mut P) -> usize {
        let entry = &self.entries[term];
        let (user, item) = (entry.user as usize, entry.item as usize);
        let (p, q) = self.vectors(entry);
        let biases = [0, self.users.biases + user, self.items.biases + item];
        let mut score = 0.0;
        if self.bias == Bias::Added {
            score = biases.iter().map(|v| point.read(*v)).sum();
        }
        for k in 0..self.rank {
            score += point.read(p + k) * point.read(q + k);
        }
        let slope = 2.0 * (score - entry.value);
        let (pull_p, pull_q) = (self.users.pull[user], self.items.pull[item]);
        if self.bias == Bias::Added {
            for (v, pull) in biases.into_iter().zip([0.0, pull_p, pull_q]) {
                point.slope(v, slope + pull * point.read(v));
            }
        }
        for k in 0..self.rank {
            let (of_user, of_item) = (point.read(p + k), point.read(q + k));
            point.slope(p + k, slope * of_item + pull_p * of_user);
            point.slope(q + k, slope * of_user + pull_q * of_item);
        }
        self.size(term)
    }

    fn loss(&self, term: usize, x: &dyn Fn(usize) -> f64) -> f64 {
        let entry = &self.entries[term];
        let (user, item) = (entry.user as usize, entry.item as usize);
        let (p, q) = self.vectors(entry);
        let square = |v| x(v) * x(v);
        let norm = |first: usize| (first..first + self.rank).map(square).sum::<f64>();
        let (mut of_user, mut of_item) = (norm(p), norm(q));
        if self.bias == Bias::Added {
            of_user += square(self.users.biases + user);
            of_item += square(self.items.biases + item);
        }
        let error = self.predict(entry, x) - f64::from(entry.value);
        error * error + self.users.share[user] * of_user + self.items.share[item] * of_item
    }

    fn start(&self, seed: u64) -> Vec<f32> {
        let stream = derive(seed, Purpose::Init, 0);
        let std = START_STD / (self.rank as f64).sqrt();
        let mut x = vec![0.0; self.users.vectors];
        if let Some(first) = x.first_mut() {
            *first = self.mean;
        }
        let vectors = self.users.vectors as u64..self.coordinates() as u64;
        x.extend(vectors.map(|v| super::single(normal(std, mix(stream ^ mix(v))))));
        x
    }

    fn renumbered(&self, _places: &[u32]) -> Option<Self> {
        // A vector is one run of coordinates.
        None
    }
}
