//! Graph cut: the nodes of a graph get mixtures of classes, some are given, and neighbours shall agree.
//!
//! ```text
//! f(x) = Σ_{(u,v) ∈ E} w_uv ‖x_u − x_v‖₁        x_u ∈ simplex of D classes; x_u = e_c for seeds of class c
//! x_u ← Π(x_u − γ w_uv sign(x_u − x_v))         x_v ← Π(x_v + γ w_uv sign(x_u − x_v))
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | E, w | [`Edge`] | edges, and how much it costs to cut one, > 0 |
//! | `x_u` | `classes` coordinates from `u · classes` | shares, from 0, that sum to 1 |
//! | Π | projection on the simplex | |
//! | sign(0) | 0 | a subgradient where the two agree |
//!
//! With two classes the least value is twice the weight of the least cut between the seeds; with more
//! it is the linear relaxation of the multiway cut, at most twice below the best cut.
//!
//! Source: Niu, Recht, Ré, Wright, *Hogwild!*, NIPS 2011, section 2; Călinescu, Karloff, Rabani, "An
//! improved approximation algorithm for multiway cut", STOC 1998.

use super::HogwildError;
use super::objective::{Objective, Point};
use super::points::SIMPLEX_MAX;
use crate::data::{Dataset, Rows};

/// An edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// One node.
    pub u: u32,
    /// The other.
    pub v: u32,
    /// What it costs to cut it.
    pub weight: f32,
}

/// A graph, and the nodes whose class is known.
#[derive(Clone, Debug)]
pub struct GraphCut {
    edges: Vec<Edge>,
    classes: usize,
    /// The class of each node that is given.
    seeds: Vec<Option<u32>>,
}

impl GraphCut {
    /// The objective of a graph whose nodes are those of `seeds`.
    ///
    /// # Errors
    /// When an edge or a class is out of range, an edge joins a node to itself, or a weight is not above
    /// 0.
    pub fn new(
        edges: Vec<Edge>,
        classes: usize,
        seeds: Vec<Option<u32>>,
    ) -> Result<Self, HogwildError> {
        if !(2..=SIMPLEX_MAX).contains(&classes) {
            return Err(HogwildError::Problem(format!(
                "expected from 2 to {SIMPLEX_MAX} classes, found {classes}"
            )));
        }
        let nodes = seeds.len();
        if let Some(edge) = edges.iter().find(|edge| {
            edge.u == edge.v
                || nodes <= edge.u.max(edge.v) as usize
                || !(0.0 < edge.weight && edge.weight.is_finite())
        }) {
            return Err(HogwildError::Problem(format!(
                "expected edges between two of {nodes} nodes with a finite weight above 0, found {edge:?}"
            )));
        }
        let known = seeds.iter().flatten();
        if let Some(class) = known.into_iter().find(|class| classes <= **class as usize) {
            return Err(HogwildError::Problem(format!(
                "expected seeds of classes below {classes}, found class {class}"
            )));
        }
        Ok(Self {
            edges,
            classes,
            seeds,
        })
    }

    /// The objective of rows as the data set `graph` has them: a row is an edge with the value +w at one
    /// node and −w at the other, and the last `classes` features are the seeds of the classes.
    ///
    /// # Errors
    /// As [`Self::new`], and when a row is no edge.
    pub fn of(data: &dyn Dataset, classes: usize) -> Result<Self, HogwildError> {
        let features = usize::try_from(data.features()).unwrap_or(usize::MAX);
        let nodes = features.saturating_sub(classes);
        let mut seeds = vec![None; nodes];
        seeds.extend((0..features - nodes).map(|class| u32::try_from(class).ok()));
        let mut edges = Vec::new();
        let mut rows = Rows::new();
        for number in 0..data.rows() {
            data.fill(&[number], &mut rows);
            match rows.row(0) {
                ([], _) => {}
                (&[u, v], &[weight, minus]) if weight + minus == 0.0 => {
                    let weight = weight.abs() * super::single(rows.weight(0));
                    edges.push(Edge { u, v, weight });
                }
                (features, values) => {
                    return Err(HogwildError::Problem(format!(
                        "row {number}: expected an edge, two nodes with the values w and −w, found the \
                         features {features:?} with the values {values:?}; use the data set \"graph\""
                    )));
                }
            }
        }
        Self::new(edges, classes, seeds)
    }

    /// The edges.
    #[must_use]
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// Classes per node.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    fn is_free(&self, node: u32) -> bool {
        self.seeds[node as usize].is_none()
    }
}

impl Objective for GraphCut {
    const PROJECTED: bool = true;

    fn coordinates(&self) -> usize {
        self.seeds.len() * self.classes
    }

    fn terms(&self) -> usize {
        self.edges.len()
    }

    fn size(&self, term: usize) -> usize {
        let edge = &self.edges[term];
        usize::from(self.is_free(edge.u)) + usize::from(self.is_free(edge.v))
    }

    fn touched(&self, term: usize, out: &mut Vec<u32>) {
        let edge = &self.edges[term];
        out.clear();
        for node in [edge.u.min(edge.v), edge.u.max(edge.v)] {
            let first = node as usize * self.classes;
            if self.is_free(node) {
                let number = |v| u32::try_from(v).expect("coordinates have 32 bits");
                out.extend((first..first + self.classes).map(number));
            }
        }
    }

    fn slopes<P: Point>(&self, term: usize, point: &mut P) -> usize {
        let edge = &self.edges[term];
        let mut ends = [[0.0; SIMPLEX_MAX]; 2];
        let mut slopes = [[0.0; SIMPLEX_MAX]; 2];
        let firsts = [edge.u, edge.v].map(|node| node as usize * self.classes);
        for class in 0..self.classes {
            let [of_u, of_v] = firsts.map(|first| point.read(first + class));
            [ends[0][class], ends[1][class]] = [of_u, of_v];
            let sign = f32::from(i8::from(of_v < of_u) - i8::from(of_u < of_v));
            [slopes[0][class], slopes[1][class]] = [edge.weight * sign, -edge.weight * sign];
        }
        let mut changed = 0;
        for (end, node) in [edge.u, edge.v].into_iter().enumerate() {
            if self.is_free(node) {
                let (x, gradient) = (&ends[end], &slopes[end]);
                let all = ..self.classes;
                point.slopes_on_simplex(firsts[end], &x[all], &gradient[all]);
                changed += self.classes;
            }
        }
        changed
    }

    fn loss(&self, term: usize, x: &dyn Fn(usize) -> f64) -> f64 {
        let edge = &self.edges[term];
        let [u, v] = [edge.u, edge.v].map(|node| node as usize * self.classes);
        let differences = (0..self.classes).map(|class| (x(u + class) - x(v + class)).abs());
        f64::from(edge.weight) * differences.sum::<f64>()
    }

    /// Every free node in the middle of the simplex, every seed in its corner.
    fn start(&self, _seed: u64) -> Vec<f32> {
        let middle = super::single(1.0 / self.classes as f64);
        let mut x = vec![middle; self.coordinates()];
        for (row, seed) in x.chunks_mut(self.classes).zip(&self.seeds) {
            if let Some(class) = seed {
                row.fill(0.0);
                row[*class as usize] = 1.0;
            }
        }
        x
    }

    fn renumbered(&self, _places: &[u32]) -> Option<Self> {
        // A node is one run of coordinates.
        None
    }
}
