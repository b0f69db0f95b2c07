//! Training rows that all have one label: all that they could teach is that label. Formats refuse them.

use std::path::Path;

/// Whether all labels are one.
#[derive(Debug, Default)]
pub(super) struct Alike {
    first: Option<f32>,
    is_other_seen: bool,
}

impl Alike {
    pub(super) fn see(&mut self, labels: &[f32]) {
        // Also −0 is 0.
        let bits = |label: &f32| (label + 0.0).to_bits();
        if let (false, Some(label)) = (self.is_other_seen, labels.first()) {
            let first = bits(self.first.get_or_insert(*label));
            self.is_other_seen = labels.iter().any(|label| bits(label) != first);
        }
    }

    /// The label of all rows, if there is no other.
    pub(super) fn only(&self) -> Option<f32> {
        self.first.filter(|_| !self.is_other_seen)
    }
}

/// Files as a message names them: by the first.
pub(super) fn named<'p>(files: impl IntoIterator<Item = &'p Path>) -> String {
    let mut files = files.into_iter();
    let first = files.next().map(Path::display);
    let first = first.map_or_else(String::new, |path| path.to_string());
    match files.count() {
        0 => first,
        1 => format!("{first} and 1 more file"),
        more => format!("{first} and {more} more files"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Alike, named};

    #[test]
    fn one_label_is_found_over_all_pieces_and_another_in_any_of_them() {
        let only = |pieces: &[&[f32]]| {
            let mut alike = Alike::default();
            pieces.iter().for_each(|piece| alike.see(piece));
            alike.only()
        };
        assert_eq!(only(&[]), None);
        assert_eq!(only(&[&[], &[2.5, 2.5], &[], &[2.5]]), Some(2.5));
        assert_eq!(only(&[&[0.0, -0.0]]), Some(0.0));
        assert_eq!(only(&[&[1.0], &[1.0, -1.0], &[1.0]]), None);
        assert_eq!(only(&[&[1.0], &[-1.0, -1.0]]), None);
    }

    #[test]
    fn files_are_named_by_the_first() {
        let of = |names: &[&'static str]| named(names.iter().map(Path::new));
        assert_eq!(of(&["a"]), "a");
        assert_eq!(of(&["a", "b"]), "a and 1 more file");
        assert_eq!(of(&["a", "b", "c"]), "a and 2 more files");
    }
}
