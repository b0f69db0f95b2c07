//! The numbers between the layers, kept from batch to batch, so that a batch allocates nothing once
//! the largest has been seen. A model is shared by threads; each takes a workspace for one batch.

use std::fmt;

use parking_lot::Mutex;

use super::first_layer::Columns;

/// What one thread needs for one batch.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    pub(super) columns: Columns,
    pub(super) layers: Vec<LayerSpace>,
}

/// Of one layer, each [rows, outputs].
#[derive(Debug, Default)]
pub(super) struct LayerSpace {
    /// φ(z); z itself in the last layer.
    pub(super) outputs: Vec<f32>,
    /// φ′(z); unused in the last layer.
    pub(super) slopes: Vec<f32>,
    /// The derivatives of the mean loss by z.
    pub(super) by_input: Vec<f32>,
}

impl Workspace {
    /// Room for so many rows in layers of these widths.
    fn fit(&mut self, rows: usize, widths: &[usize]) {
        self.layers.resize_with(widths.len(), LayerSpace::default);
        for (space, width) in self.layers.iter_mut().zip(widths) {
            for numbers in [&mut space.outputs, &mut space.slopes, &mut space.by_input] {
                numbers.resize(rows * width, 0.0);
            }
        }
    }
}

/// Workspaces that nobody uses at the moment: as many as threads have been at work at once.
#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<Workspace>>);

impl Pool {
    /// Calls `work` with a workspace that fits.
    pub(super) fn with<T>(
        &self,
        rows: usize,
        widths: &[usize],
        work: impl FnOnce(&mut Workspace) -> T,
    ) -> T {
        let mut space = self.0.lock().pop().unwrap_or_default();
        space.fit(rows, widths);
        let answer = work(&mut space);
        self.0.lock().push(space);
        answer
    }
}

/// Without the numbers.
impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;

    #[test]
    fn a_workspace_keeps_its_memory_and_threads_do_not_share_one() {
        let pool = Pool::default();
        let place = pool.with(8, &[3, 2], |space| {
            assert_eq!(space.layers[0].outputs.len(), 24);
            pool.with(1, &[3, 2], |other| {
                assert_eq!(other.layers[1].outputs.len(), 2);
            });
            space.layers[0].outputs.as_ptr()
        });
        assert_eq!(pool.0.lock().len(), 2);
        let again = pool.with(4, &[3, 2], |space| space.layers[0].outputs.as_ptr());
        assert_eq!(place, again);
    }
}
