//! What an optimizer promises on two known surfaces, in numbers that a test checks.

/// Numbers that show that an optimizer descends: it starts at a known point, takes `steps` steps
/// with the exact gradient, its default hyper-parameters and a constant `lr`, and must be below
/// `below` after that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Descent {
    /// The function.
    pub surface: Surface,
    /// The learning rate.
    pub lr: f64,
    /// Steps to take.
    pub steps: u64,
    /// The value to fall below; both functions are zero at their minimum.
    pub below: f64,
}

/// A function to descend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// x² + 10·y², from (1, 1).
    Parabola,
    /// (1 − x)² + 100·(y − x²)², from (−1.2, 1).
    Rosenbrock,
}

impl Descent {
    /// On [`Surface::Parabola`].
    #[must_use]
    pub const fn parabola(lr: f64, steps: u64, below: f64) -> Self {
        Self {
            surface: Surface::Parabola,
            lr,
            steps,
            below,
        }
    }

    /// On [`Surface::Rosenbrock`].
    #[must_use]
    pub const fn rosenbrock(lr: f64, steps: u64, below: f64) -> Self {
        Self {
            surface: Surface::Rosenbrock,
            lr,
            steps,
            below,
        }
    }
}
