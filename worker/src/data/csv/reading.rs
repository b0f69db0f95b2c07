//! All blocks of some files with columns, read by several threads, in the files' order.
//!
//! A block is parsed with what those before it had shown when it was handed out. If that has changed
//! by its turn, it is parsed once more: so what is read, and the first error, are those of one thread
//! that reads line by line.

use std::{path::PathBuf, sync::Arc};

use super::{
    dialect::places,
    input::{Input, Opened, Piece, Unread},
    keys::Keys,
    table::{Column, Shape, Shown, Spec, State, Table, Want, read_block, words},
    typed,
    words::Dictionary,
};
use crate::data::{
    DataError,
    encoding::LabelsIn,
    in_order::{InOrder, in_order},
    labels::Labels,
};

/// Files, how they are to be read, and what a first pass has found in them.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    inputs: &'a [Input],
    keys: &'a Keys,
    specs: Vec<Spec>,
    /// Before the first row.
    start: State,
    /// Behind the last.
    pub(super) found: Found,
    /// Every block, if they are kept in memory.
    pub(super) held: Option<Vec<Table>>,
}

/// What a pass over all rows finds.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) rows: u64,
    pub(super) state: State,
    /// The words of each column.
    pub(super) words: Vec<Dictionary>,
    /// Columns of numbers in which a word came, with the word and its place.
    pub(super) turned: Vec<(usize, String)>,
}

/// Takes the blocks of a pass, with the words of each column so far.
pub(super) type Sink<'s> = dyn FnMut(&[Dictionary], Table) -> Result<(), DataError> + 's;

impl<'a> Reading<'a> {
    /// Reads all rows and settles which columns are words. Keeps the rows if it is to hold them, else
    /// [`Self::each`] reads them again.
    pub(super) fn of(
        inputs: &'a [Input],
        keys: &'a Keys,
        specs: Vec<Spec>,
        labels: Option<Labels>,
        is_to_hold: bool,
    ) -> Result<Self, DataError> {
        let start = State::new(&specs, labels.clone());
        let mut reading = Self {
            inputs,
            keys,
            found: Found::new(start.clone()),
            specs,
            start,
            held: None,
        };
        reading.settle(is_to_hold)?;
        if reading.found.turned.is_empty() {
            return Ok(reading);
        }
        reading.held = None;
        let turned = std::mem::take(&mut reading.found.turned);
        for (column, _) in &turned {
            let want = &mut reading.specs[*column].want;
            *want = match want {
                Want::AutoTarget => Want::WordTarget,
                _ => words(keys),
            };
        }
        reading.start = State::new(&reading.specs, labels);
        reading.settle(is_to_hold)?;
        reading.found.turned = turned;
        Ok(reading)
    }

    fn settle(&mut self, is_to_hold: bool) -> Result<(), DataError> {
        let mut held = Vec::new();
        self.found = pass(
            self.inputs,
            self.keys,
            &self.specs,
            self.start.clone(),
            &mut |_, table| {
                if is_to_hold {
                    held.push(table);
                }
                Ok(())
            },
        )?;
        self.held = is_to_hold.then_some(held);
        Ok(())
    }

    /// Shows every block, in order.
    pub(super) fn each(
        &self,
        mut sink: impl FnMut(&Table) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        if let Some(held) = &self.held {
            return held.iter().try_for_each(sink);
        }
        let known = &self.found;
        let changed = || DataError::Changed {
            path: self.inputs[0].path().to_owned(),
        };
        let found = pass(
            self.inputs,
            self.keys,
            &self.specs,
            self.start.clone(),
            &mut |words, table| {
                let mut pairs = words.iter().zip(&known.words);
                if pairs.any(|(now, known)| known.names.len() < now.names.len()) {
                    return Err(changed());
                }
                sink(&table)
            },
        )?;
        if found.rows != known.rows || found.state != known.state {
            return Err(changed());
        }
        Ok(())
    }
}

impl Found {
    fn new(state: State) -> Self {
        let words = state.columns.iter().map(|_| Dictionary::default());
        Self {
            rows: 0,
            words: words.collect(),
            state,
            turned: Vec::new(),
        }
    }
}

/// Reads all rows once.
pub(super) fn pass(
    inputs: &[Input],
    keys: &Keys,
    specs: &[Spec],
    start: State,
    sink: &mut Sink<'_>,
) -> Result<Found, DataError> {
    let mut found = Found::new(start);
    for input in inputs {
        let mut opened = input.open(keys)?;
        let shape = shape(specs, &mut opened)?;
        let before = found.rows;
        let mut pass = Pass {
            rows: &mut opened.rows,
            shape: &shape,
            specs,
            keys,
            state: Arc::new(found.state.clone()),
            found: &mut found,
            sink,
        };
        in_order(&mut pass, |work: Work| {
            let table = read_piece(&work.piece, &shape, specs, keys, &work.state);
            (work, table)
        })?;
        if found.rows == before {
            return Err(DataError::Empty { path: opened.path });
        }
    }
    Ok(found)
}

/// Parses some rows, given what those before them have shown.
fn read_piece(
    piece: &Piece,
    shape: &Shape,
    specs: &[Spec],
    keys: &Keys,
    state: &State,
) -> Result<Table, DataError> {
    match piece {
        Piece::Text { block, delimiter } => {
            read_block((block, *delimiter), shape, specs, keys, state)
        }
        Piece::Parquet(rows) => typed::read_rows(rows, shape, specs, keys, state),
    }
}

fn shape(specs: &[Spec], opened: &mut Opened) -> Result<Shape, DataError> {
    let place = |spec: &Spec| match places(std::slice::from_ref(&spec.name), opened) {
        Ok(place) => Ok(Some(place[0])),
        Err(_) if matches!(spec.want, Want::Known(_, LabelsIn::Optional)) => Ok(None),
        Err(error) => Err(error),
    };
    let places = specs.iter().map(place).collect::<Result<_, _>>()?;
    Ok(Shape {
        path: PathBuf::clone(&opened.path),
        width: opened.names.len(),
        places,
    })
}

/// A block to be parsed.
#[derive(Debug)]
struct Work {
    piece: Piece,
    state: Arc<State>,
}

/// One pass over one file.
struct Pass<'p, 's> {
    rows: &'p mut Unread,
    shape: &'p Shape,
    specs: &'p [Spec],
    keys: &'p Keys,
    /// That of `found`, to be handed out.
    state: Arc<State>,
    found: &'p mut Found,
    sink: &'p mut Sink<'s>,
}

impl InOrder for Pass<'_, '_> {
    type Job = Work;
    type Done = (Work, Result<Table, DataError>);

    fn next(&mut self) -> Result<Option<Work>, DataError> {
        let piece = self.rows.next_piece()?;
        Ok(piece.map(|piece| Work {
            piece,
            state: Arc::clone(&self.state),
        }))
    }

    fn take(&mut self, (work, table): Self::Done) -> Result<(), DataError> {
        let mut table = match table {
            Ok(table) if fits(&work.state, &self.state, &table) => table,
            Err(error) if work.state == self.state => return Err(error),
            _ => read_piece(&work.piece, self.shape, self.specs, self.keys, &self.state)?,
        };
        for (shown, before) in table.state.columns.iter_mut().zip(&self.state.columns) {
            if *shown == Shown::Nothing {
                *shown = *before;
            }
        }
        if table.state != *self.state {
            self.state = Arc::new(table.state.clone());
            self.found.state = table.state.clone();
        }
        for (all, column) in self.found.words.iter_mut().zip(&mut table.columns) {
            if let Column::Words(ids, words) = column {
                all.take(&std::mem::take(words), ids);
            }
        }
        for (column, word) in &table.turned {
            if self.found.turned.iter().all(|(known, _)| known != column) {
                self.found.turned.push((*column, word.clone()));
            }
        }
        self.found.rows += table.rows as u64;
        (self.sink)(&self.found.words, table)
    }
}

/// Whether a table that was read with one state is the one that would be read with another.
fn fits(used: &State, now: &State, table: &Table) -> bool {
    let columns = used.columns.iter().zip(&now.columns).zip(&table.columns);
    let is_same = |((used, now), column): ((&Shown, &Shown), &Column)| {
        used == now
            || (*used == Shown::Nothing
                && *now == Shown::Numbers
                && matches!(column, Column::Numbers(_)))
    };
    used.labels == now.labels && columns.into_iter().all(is_same)
}
