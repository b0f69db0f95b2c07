//! How a tensor lies in a file beside how the servers hold it.

use thalweg_common::layout::Tensor;

/// The shape of a tensor in a file, and where its elements come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    in_file: Vec<u64>,
    /// Rows and columns as the servers hold them, if the file has them the other way round.
    turned: Option<(usize, usize)>,
    elements: usize,
}

impl Shape {
    /// Of a weight with a row for each input: `[inputs, outputs]` is `[outputs, inputs]` in a file,
    /// and `[inputs]` is `[1, inputs]`. Any other tensor lies as it is.
    ///
    /// # Panics
    /// If the tensor has more elements than fit the address space.
    pub(super) fn of(tensor: &Tensor) -> Self {
        let size = |size: u64| usize::try_from(size).expect("the elements are in memory");
        let (in_file, turned) = match tensor.shape[..] {
            [inputs] if tensor.by_input => (vec![1, inputs], None),
            [inputs, outputs] if tensor.by_input => {
                (vec![outputs, inputs], Some((size(inputs), size(outputs))))
            }
            _ => (tensor.shape.clone(), None),
        };
        let elements = size(in_file.iter().product());
        Self {
            in_file,
            turned,
            elements,
        }
    }

    /// The sizes in the file.
    pub(super) fn in_file(&self) -> &[u64] {
        &self.in_file
    }

    /// For each element in the order of the file: its place in the order of the servers.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        let (rows, columns) = self.turned.unwrap_or((1, 1));
        let is_turned = self.turned.is_some();
        (0..self.elements).map(move |place| {
            if is_turned {
                (place % rows) * columns + place / rows
            } else {
                place
            }
        })
    }
}
