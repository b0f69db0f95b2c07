//! The different words of a column, by number.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use xxhash_rust::xxh3::xxh3_64;

use super::table::text;
use crate::data::LineProblem;

/// The id of a missing word.
pub(super) const MISSING: u32 = u32::MAX;

/// Words in the order in which they came first.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    pub(super) names: Vec<String>,
    by_name: HashMap<Box<[u8]>, u32, BuildHasherDefault<WordHasher>>,
}

impl Dictionary {
    /// The number of a field's word.
    pub(super) fn id(&mut self, word: &[u8]) -> Result<u32, LineProblem> {
        match self.by_name.get(word) {
            Some(id) => Ok(*id),
            None => Ok(self.add(text(word)?)),
        }
    }

    /// The number of a word.
    pub(super) fn id_of_text(&mut self, word: &str) -> u32 {
        match self.by_name.get(word.as_bytes()) {
            Some(id) => *id,
            None => self.add(word),
        }
    }

    fn add(&mut self, word: &str) -> u32 {
        let id = u32::try_from(self.names.len()).expect("fewer than 2^32 categories");
        self.names.push(word.to_owned());
        self.by_name.insert(word.as_bytes().into(), id);
        id
    }

    /// Adds the words of a block, and gives its ids their numbers here.
    pub(super) fn take(&mut self, block: &Self, ids: &mut [u32]) {
        let here: Vec<u32> = block
            .names
            .iter()
            .map(|name| self.id_of_text(name))
            .collect();
        for id in ids.iter_mut().filter(|id| **id != MISSING) {
            *id = here[*id as usize];
        }
    }
}

/// XXH3 of a word: one look-up per field is most of what a column of words costs.
#[derive(Debug, Default)]
struct WordHasher(u64);

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= xxh3_64(bytes);
    }

    fn write_usize(&mut self, length: usize) {
        self.0 = self.0.rotate_left(8) ^ length as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Dictionary, MISSING};

    #[test]
    fn words_of_a_block_get_the_numbers_of_all_blocks() {
        let mut all = Dictionary::default();
        assert_eq!(["a", "b", "a"].map(|word| all.id_of_text(word)), [0, 1, 0]);
        let mut block = Dictionary::default();
        let mut ids = ["c", "b"]
            .map(|word| block.id(word.as_bytes()).unwrap())
            .to_vec();
        ids.push(MISSING);
        all.take(&block, &mut ids);
        assert_eq!(ids, [2, 1, MISSING]);
        assert_eq!(all.names, ["a", "b", "c"]);
        assert!(all.id(b"\xff").is_err());
    }
}
