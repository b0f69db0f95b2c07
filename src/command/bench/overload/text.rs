//! The tables for people.

use std::fmt::Write as _;

use super::found::{Found, MemoryFound};
use crate::view::units::bytes;
use crate::view::{Cell, Edge, Look, Table};

/// All tables, and below them what does not hold.
///
/// # Errors
/// None: writing to a string does not fail.
pub(super) fn text(found: &Found) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(
        text,
        "{}; pushes of {}, {} in flight a session; memory_bytes_max {}",
        found.cores,
        bytes(found.push_bytes as u64),
        found.window,
        bytes(found.memory_bytes_max)
    )?;
    write_presses(found, &mut text)?;
    write_floods(found, &mut text)?;
    let failed: Vec<_> = found.checks.iter().filter(|check| !check.holds).collect();
    writeln!(text)?;
    for check in &failed {
        writeln!(
            text,
            "does not hold: {}, {}: {}; found {}",
            check.part, check.name, check.says, check.found
        )?;
    }
    let (held, all) = (found.checks.len() - failed.len(), found.checks.len());
    write!(text, "{held} of {all} checks hold")?;
    Ok(text)
}

fn write_presses(found: &Found, text: &mut String) -> std::fmt::Result {
    let mut table = Table::with_heads([
        ("", Edge::Left),
        ("sessions", Edge::Right),
        ("applied/s", Edge::Right),
        ("before/s", Edge::Right),
        ("after/s", Edge::Right),
        ("of peak", Edge::Right),
        ("refused/s", Edge::Right),
        ("p50", Edge::Right),
        ("p99", Edge::Right),
        ("server's core", Edge::Right),
        ("memory", Edge::Right),
        ("recovered in", Edge::Right),
    ]);
    let peak = &found.peak;
    let millis = |millis: Option<f64>| millis.map_or(String::new(), |ms| format!("{ms:.1} ms"));
    let cells = [
        "peak".to_owned(),
        peak.sessions.to_string(),
        format!("{:.0}", peak.rate.applied),
        String::new(),
        String::new(),
        String::new(),
        format!("{:.0}", peak.rate.refused),
        millis(peak.p50_ms),
        millis(peak.p99_ms),
        share(peak.rate.core_share),
    ];
    table.row(cells.into_iter().map(Cell::from));
    for press in &found.presses {
        let cells = [
            press.name.clone(),
            press.sessions.to_string(),
            format!("{:.0}", press.rate.applied),
            format!("{:.0}", press.before.applied),
            format!("{:.0}", press.after.applied),
            share(Some(press.of_peak)),
            format!("{:.0}", press.rate.refused),
            millis(press.p50_ms),
            millis(press.p99_ms),
            share(press.rate.core_share),
            most(press.memory),
            press
                .recovery_seconds
                .map_or("not".to_owned(), |seconds| format!("{seconds:.1} s")),
        ];
        table.row(cells.into_iter().map(Cell::from));
    }
    table.write(Look::of_stdout(), text);
    writeln!(text)
}

fn write_floods(found: &Found, text: &mut String) -> std::fmt::Result {
    if found.floods.is_empty() {
        return Ok(());
    }
    let mut table = Table::with_heads([
        ("flood", Edge::Left),
        ("before/s", Edge::Right),
        ("after/s", Edge::Right),
        ("beside/s", Edge::Right),
        ("share", Edge::Right),
        ("sent", Edge::Right),
        ("connections", Edge::Right),
        ("cut", Edge::Right),
        ("newcomer", Edge::Right),
        ("server's core", Edge::Right),
        ("memory", Edge::Right),
    ]);
    for flood in &found.floods {
        let cells = [
            flood.name.clone(),
            format!("{:.0}", flood.before.applied),
            format!("{:.0}", flood.after.applied),
            format!("{:.0}", flood.beside.applied),
            share(Some(flood.share)),
            bytes(flood.did.bytes),
            flood.did.connections.to_string(),
            flood.did.cut.to_string(),
            flood
                .newcomer_seconds
                .map_or("not let in".to_owned(), |seconds| {
                    format!("{:.0} ms", 1e3 * seconds)
                }),
            share(flood.beside.core_share),
            most(flood.memory),
        ];
        table.row(cells.into_iter().map(Cell::from));
    }
    table.write(Look::of_stdout(), text);
    Ok(())
}

fn share(share: Option<f64>) -> String {
    share.map_or(String::new(), |share| format!("{:.1} %", 100.0 * share))
}

fn most(memory: MemoryFound) -> String {
    memory.peak.map_or(String::new(), bytes)
}
