//! A tensor as a stack of matrices: sums of squares by row and column, and passes in which an
//! element also sees what its row and its column hold.
//!
//! Elements are taken as they lie in memory, row by row. Down a column the sum runs in the order of
//! the rows, along a row as in a [`sweep`](super::sweep): always the same bits.

use multiversion::multiversion;

use super::real::Real;
use super::sweep::{LANES, Swept, blocks, pass, square};

/// A stack of matrices, row-major.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrices {
    /// Rows of one matrix.
    pub(super) rows: usize,
    /// Columns of one matrix.
    pub(super) cols: usize,
    /// Matrices in the stack.
    pub(super) count: usize,
}

impl Matrices {
    /// The matrices over the last two sizes of a tensor; `None` for a vector.
    pub(super) fn of(shape: &[usize]) -> Option<Self> {
        let [stack @ .., rows, cols] = shape else {
            return None;
        };
        Some(Self {
            rows: *rows,
            cols: *cols,
            count: stack.iter().product(),
        })
    }

    /// Σg² over each row of the stack, and over each column.
    pub(super) fn squares<F: Real>(self, g: &[F]) -> (Vec<f64>, Vec<f64>) {
        let mut by_row = vec![0.0; self.rows * self.count];
        let mut by_col = vec![0.0; self.cols * self.count];
        add_squares(self, g, &mut by_row, &mut by_col);
        (by_row, by_col)
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
fn add_squares<F: Real>(matrices: Matrices, g: &[F], by_row: &mut [f64], by_col: &mut [f64]) {
    let Matrices { rows, cols, .. } = matrices;
    let mut lines = g.chunks_exact(cols.max(1));
    let stack = by_row
        .chunks_mut(rows.max(1))
        .zip(by_col.chunks_mut(cols.max(1)));
    for (by_row, by_col) in stack {
        for (total, line) in by_row.iter_mut().zip(&mut lines) {
            for block in blocks(cols) {
                *total += add_block(&line[block.clone()], &mut by_col[block]);
            }
        }
    }
}

/// Adds each square to its column, and returns the sum of all.
#[inline(always)]
fn add_block<F: Real>(values: &[F], columns: &mut [f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    let (whole_columns, rest_columns) = columns.as_chunks_mut::<LANES>();
    for (values, columns) in whole.iter().zip(whole_columns) {
        let squares = values.map(square);
        for (lane, square) in lanes.iter_mut().zip(squares) {
            *lane += square;
        }
        for (column, square) in columns.iter_mut().zip(squares) {
            *column += square;
        }
    }
    for ((value, column), lane) in rest.iter().zip(rest_columns).zip(&mut lanes) {
        *column += square(*value);
        *lane += square(*value);
    }
    lanes.iter().fold(0.0, |sum, lane| sum + lane)
}

/// A [`sweep`](super::sweep) in which a step is given an element of `g`, and what
/// `by_row_and_col` holds for its row and for its column.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn sweep_rows<
    F: Real,
    const WRITTEN: usize,
    const SQUARED: usize,
    Step: Fn([F; WRITTEN], [F; 3]) -> Swept<F, WRITTEN, SQUARED>,
>(
    matrices: Matrices,
    mut written: [&mut [F]; WRITTEN],
    g: &[F],
    by_row_and_col: (&[F], &[F]),
    step: Step,
) -> [f64; SQUARED] {
    let (by_row, by_col) = by_row_and_col;
    let Matrices { rows, cols, .. } = matrices;
    let mut total = [0.0; SQUARED];
    let mut add = |sums: [f64; SQUARED]| {
        for (total, sum) in total.iter_mut().zip(sums) {
            *total += sum;
        }
    };
    if SHORT <= cols {
        for (row, &of_row) in by_row.iter().enumerate() {
            let place = row * cols..(row + 1) * cols;
            let own = written.each_mut().map(|column| &mut column[place.clone()]);
            let of_cols = &by_col[row / rows * cols..][..cols];
            add(pass(own, [&g[place], of_cols], |own, [g, of_col]| {
                step(own, [g, of_row, of_col])
            }));
        }
    } else {
        let (mut of_row, mut of_col) = ([F::ZERO; AHEAD], [F::ZERO; AHEAD]);
        let mut walk = Walk::over(matrices);
        for start in (0..g.len()).step_by(AHEAD) {
            let place = start..g.len().min(start + AHEAD);
            let (of_row, of_col) = (&mut of_row[..place.len()], &mut of_col[..place.len()]);
            walk.spread(by_row, by_col, of_row, of_col);
            let own = written.each_mut().map(|column| &mut column[place.clone()]);
            add(pass(own, [&g[place], of_row, of_col], &step));
        }
    }
    total
}

/// Rows shorter than this go several together.
const SHORT: usize = 64;

/// Elements for which the numbers of short rows and their columns are laid out ahead.
const AHEAD: usize = 512;

/// A place in a stack of matrices that goes element by element.
struct Walk {
    matrices: Matrices,
    /// The row, counted in the stack.
    row: usize,
    /// Where its matrix begins among the columns of the stack.
    matrix_cols: usize,
    /// The row in its matrix after which the next matrix begins.
    rows_left: usize,
    col: usize,
}

impl Walk {
    fn over(matrices: Matrices) -> Self {
        Self {
            matrices,
            row: 0,
            matrix_cols: 0,
            rows_left: matrices.rows,
            col: 0,
        }
    }

    /// Goes on by as many elements as there is room for, and lays out what `by_row` and `by_col`
    /// hold for each.
    #[inline(always)]
    fn spread<F: Real>(
        &mut self,
        by_row: &[F],
        by_col: &[F],
        mut of_row: &mut [F],
        mut of_col: &mut [F],
    ) {
        let cols = self.matrices.cols;
        while !of_row.is_empty() {
            let run = of_row.len().min(cols - self.col);
            let (row_run, col_run);
            (row_run, of_row) = of_row.split_at_mut(run);
            (col_run, of_col) = of_col.split_at_mut(run);
            row_run.fill(by_row[self.row]);
            col_run.copy_from_slice(&by_col[self.matrix_cols + self.col..][..run]);
            self.col += run;
            if self.col == cols {
                self.next_row();
            }
        }
    }

    #[inline(always)]
    fn next_row(&mut self) {
        self.col = 0;
        self.row += 1;
        self.rows_left -= 1;
        if self.rows_left == 0 {
            self.rows_left = self.matrices.rows;
            self.matrix_cols += self.matrices.cols;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows about as long as a vector, as a short one, as a tile, and as a block.
    const SHAPES: [[usize; 3]; 12] = [
        [1, 3, 0],
        [0, 3, 2],
        [2, 1, 1],
        [3, 5, 7],
        [2, 4, 8],
        [1, 3, 9],
        [2, 9, 23],
        [2, 33, 63],
        [2, 33, 64],
        [2, 2, 257],
        [1, 2, 4_097],
        [1, 5_000, 3],
    ];

    /// Quarters of small numbers, whose squares are added without rounding.
    fn quarters(len: usize) -> Vec<f32> {
        let cycle = (-6_i16..7).cycle().take(len);
        cycle.map(|i| f32::from(i) * 0.25).collect()
    }

    #[test]
    fn squares_are_added_by_row_and_by_column() {
        for shape in SHAPES {
            let matrices = Matrices::of(&shape).expect("three sizes");
            let [stack, rows, cols] = shape;
            let g = quarters(stack * rows * cols);
            let mut plain = (vec![0.0; stack * rows], vec![0.0; stack * cols]);
            for (i, g) in g.iter().enumerate() {
                plain.0[i / cols] += square(*g);
                plain.1[i / (rows * cols) * cols + i % cols] += square(*g);
            }
            assert_eq!(matrices.squares(&g), plain, "{shape:?}");
        }
    }

    #[test]
    fn a_step_sees_its_row_and_its_column() {
        for shape in SHAPES {
            let matrices = Matrices::of(&shape).expect("three sizes");
            let [stack, rows, cols] = shape;
            let g = quarters(stack * rows * cols);
            let by_row = quarters(stack * rows);
            let by_col = quarters(stack * cols);
            let mut x = vec![1.0; g.len()];
            let [sum] = sweep_rows(
                matrices,
                [&mut x],
                &g,
                (&by_row, &by_col),
                |[x], [g, r, c]| ([x + g * r * c], [g]),
            );
            let plain = (0..g.len()).map(|i| {
                let col = i / (rows * cols) * cols + i % cols;
                1.0 + g[i] * by_row[i / cols] * by_col[col]
            });
            assert!(x.iter().copied().eq(plain), "{shape:?}");
            let plain: f64 = g.iter().map(|g| square(*g)).sum();
            assert_eq!(sum.to_bits(), (plain + 0.0).to_bits(), "{shape:?}");
        }
    }
}
