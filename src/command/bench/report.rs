//! The table of a measurement: medians over interleaved rounds, each beside what it is compared with.

use std::io::{self, Write};

/// The unit of a row's samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Microseconds of one request, the median of its round.
    MicrosP50,
    /// Milliseconds of the whole transfer.
    Millis,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::MicrosP50 => "µs p50",
            Self::Millis => "ms",
        }
    }
}

/// One measured thing: a sample per round.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// What was measured.
    pub(super) name: String,
    /// The unit of the samples.
    pub(super) unit: Unit,
    /// Payload bytes moved, both directions together, when the row is a transfer.
    pub(super) bytes: Option<u64>,
    /// The name of the row that this one is divided by.
    pub(super) against: Option<String>,
    /// One per round.
    pub(super) samples: Vec<f64>,
}

impl Row {
    /// The median of the samples; 0 if there are none.
    pub(super) fn median(&self) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }
}

/// Prints the rows in order, with the spread over the rounds.
///
/// # Errors
/// If standard output is closed.
pub(super) fn print(rows: &[Row]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:<52} {:>10} {:>7} {:>17} {:>7}  of",
        "median over the rounds", "", "unit", "least..greatest", "ratio"
    )?;
    for row in rows {
        let least = row.samples.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = row.samples.iter().copied().fold(0.0, f64::max);
        let spread = format!("{least:.1}..{greatest:.1}");
        let base = row
            .against
            .as_ref()
            .and_then(|name| rows.iter().find(|other| other.name == *name));
        let ratio = base.map_or_else(String::new, |base| {
            format!("{:>7.2}  {}", row.median() / base.median(), base.name)
        });
        let rate = row
            .bytes
            .map_or_else(String::new, |bytes| gigabytes_per_second(bytes, row));
        writeln!(
            out,
            "{:<52} {:>10.1} {:>7} {spread:>17} {ratio} {rate}",
            row.name,
            row.median(),
            row.unit.name(),
        )?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn gigabytes_per_second(bytes: u64, row: &Row) -> String {
    format!("({:.2} GB/s)", bytes as f64 / (row.median() * 1e6))
}
