//! The text of `thalweg status`: from the whole to its parts, every number with its unit, readable
//! without colour.

use std::collections::BTreeMap;

use thalweg_common::error::RefusalKind;
use thalweg_common::message::{Phase, WorkerState};

use super::units::{
    NOTHING, bytes, counted, grouped, percent, printable, scaled, score, share, span, total,
};
use super::{
    Cell, ClusterView, Edge, Look, ServerView, Spread, Staleness, Table, Tone, WorkerView,
    who_is_gone, who_waits,
};

/// Shards shown one by one per server; a server with more is told in its own row.
const SHARDS_SHOWN_MAX: usize = 16;

/// How things stand, in words and tables, for a terminal or a file.
#[must_use]
pub fn render_status(view: &ClusterView, look: Look) -> String {
    let mut text = String::new();
    if view.servers.is_empty() {
        // Zeros would look like a job that stands still.
        look.line(&mut text, "nothing is known of the job");
        unreachable(view, look, &mut text);
        return text;
    }
    head(view, look, &mut text);
    workers(view, look, &mut text);
    parts(view, look, &mut text);
    staleness(view, look, &mut text);
    servers(view, look, &mut text);
    shards(view, look, &mut text);
    troubles(view, look, &mut text);
    text
}

pub(crate) fn phase_word(phase: Phase) -> (&'static str, Tone) {
    match phase {
        Phase::Joining => ("joining", Tone::Notable),
        Phase::Training => ("training", Tone::Plain),
        Phase::Done => ("done", Tone::Good),
        Phase::Failed => ("failed", Tone::Bad),
    }
}

pub(crate) fn state_word(state: WorkerState) -> (&'static str, Tone) {
    match state {
        WorkerState::Absent => ("absent", Tone::Notable),
        WorkerState::Active => ("active", Tone::Plain),
        WorkerState::Left => ("left", Tone::Plain),
        WorkerState::Lost => ("lost", Tone::Bad),
    }
}

fn head(view: &ClusterView, look: Look, text: &mut String) {
    let (word, tone) = phase_word(view.phase);
    let name = look.paint(Tone::Head, &printable(&view.job));
    let word = look.paint(tone, word);
    look.line(text, &format!("job {name}: {word}"));
    if !view.cause.is_empty() {
        look.line(text, &format!("cause      {}", printable(&view.cause)));
    }
    let progress = format!(
        "progress   {}, {} of {} examples",
        percent(view.done_share()),
        grouped(view.progress),
        grouped(view.examples_total)
    );
    let rest = view.rest(view.examples_per_second);
    let rest = rest.filter(|_| view.phase == Phase::Training);
    let rest = rest.map_or_else(String::new, |rest| format!(", about {} left", span(rest)));
    look.line(text, &(progress + &rest));
    look.line(
        text,
        &format!(
            "speed      {} examples/s, trained {}, up {}",
            scaled(view.examples_per_second),
            span(view.trained),
            span(view.up)
        ),
    );
    look.line(
        text,
        &format!(
            "loss       {} (recent training loss)",
            score(view.train_loss)
        ),
    );
    let staleness = Staleness::from(&view.staleness);
    look.line(
        text,
        &format!(
            "staleness  p50 {}, p99 {}, max {}, mean {} (steps)",
            staleness.p50,
            staleness.p99,
            staleness.max,
            staleness.mean_steps()
        ),
    );
    look.line(
        text,
        &format!(
            "bytes      pushed {}, pulled {}",
            bytes(view.bytes_pushed),
            bytes(view.bytes_pulled)
        ),
    );
}

fn workers(view: &ClusterView, look: Look, text: &mut String) {
    if view.workers.is_empty() {
        return;
    }
    let mut table = Table::new([
        ("worker", Edge::Right),
        ("state", Edge::Left),
        ("clock", Edge::Right),
        ("examples", Edge::Right),
        ("examples/s", Edge::Right),
        ("sent", Edge::Right),
        ("received", Edge::Right),
        ("computes", Edge::Right),
        ("waits", Edge::Right),
        ("silent", Edge::Right),
        ("doing", Edge::Left),
        ("place", Edge::Left),
    ]);
    for row in &view.workers {
        table.row(worker_cells(view, row));
    }
    text.push('\n');
    table.write(look, text);
}

fn worker_cells(view: &ClusterView, row: &WorkerView) -> Vec<Cell> {
    let trained = view.trained.as_secs_f64();
    let (word, tone) = state_word(row.state);
    let state = match &row.wait {
        Some(_) => Cell::toned("waits", Tone::Notable),
        None if !row.unheard.is_empty() => Cell::toned("silent", Tone::Notable),
        None => Cell::toned(word, tone),
    };
    vec![
        row.worker.to_string().into(),
        state,
        grouped(row.clock.0).into(),
        grouped(row.examples).into(),
        scaled(row.examples_per_second).into(),
        bytes(row.bytes_sent).into(),
        bytes(row.bytes_received).into(),
        percent(share(row.compute.as_secs_f64(), trained)).into(),
        percent(share(row.waited.as_secs_f64(), trained)).into(),
        span(row.silent).into(),
        (&row.doing).into(),
        (&row.place).into(),
    ]
}

/// What became of the parts of workers that have not had all of them applied in time.
fn parts(view: &ClusterView, look: Look, text: &mut String) {
    let mut table = Table::new([
        ("worker", Edge::Right),
        ("parts came", Edge::Right),
        ("applied", Edge::Right),
        ("waiting", Edge::Right),
        ("left out", Edge::Right),
        ("duplicates", Edge::Right),
        ("refused", Edge::Right),
        ("late in all", Edge::Right),
    ]);
    let notable = |row: &&WorkerView| row.parts.applied < row.parts.came || 0 < row.parts.late;
    let rows: Vec<_> = view.workers.iter().filter(notable).collect();
    for row in &rows {
        table.row(part_cells(row));
    }
    if !rows.is_empty() {
        text.push('\n');
        table.write(look, text);
    }
}

fn part_cells(row: &WorkerView) -> Vec<Cell> {
    let unusual = |count: u64| match count {
        0 => Cell::from(""),
        _ => Cell::toned(grouped(count), Tone::Notable),
    };
    let parts = &row.parts;
    vec![
        row.worker.to_string().into(),
        grouped(parts.came).into(),
        grouped(parts.applied).into(),
        match parts.waiting {
            0 => "".into(),
            waiting => grouped(waiting).into(),
        },
        unusual(parts.left_out),
        unusual(parts.duplicates),
        match parts.refused() {
            0 => "".into(),
            refused => {
                let text = format!("{} ({})", grouped(refused), reasons(&parts.refusals));
                Cell::toned(text, Tone::Notable)
            }
        },
        unusual(parts.late),
    ]
}

/// How stale the parts of each worker were, where any were.
fn staleness(view: &ClusterView, look: Look, text: &mut String) {
    if view.staleness.max == 0 {
        return;
    }
    let spread = Spread::up_to(view.staleness.max);
    let name = spread.name();
    let mut table = Table::new([
        ("worker", Edge::Right),
        ("staleness p50", Edge::Right),
        ("p99", Edge::Right),
        ("max", Edge::Right),
        ("mean", Edge::Right),
        (&name, Edge::Left),
    ]);
    for row in &view.workers {
        let staleness = Staleness::from(&row.staleness);
        let worker = row.worker.to_string().into();
        let [p50, p99, max, bars] = staleness_cells(&staleness, spread);
        table.row([worker, p50, p99, max, staleness.mean_steps().into(), bars]);
    }
    text.push('\n');
    table.write(look, text);
}

/// p50, p99, max and bars; of no parts nothing.
fn staleness_cells(staleness: &Staleness, spread: Spread) -> [Cell; 4] {
    if staleness.counts.is_empty() {
        return [""; 4].map(Cell::from);
    }
    [
        grouped(staleness.p50).into(),
        grouped(staleness.p99).into(),
        grouped(staleness.max).into(),
        spread.text(staleness).into(),
    ]
}

/// Counts with their reasons: `3 non_finite, 1 fenced`.
fn reasons(refusals: &BTreeMap<RefusalKind, u64>) -> String {
    let reason = |(kind, count): (&RefusalKind, &u64)| format!("{} {kind}", grouped(*count));
    let reasons: Vec<_> = refusals.iter().map(reason).collect();
    reasons.join(", ")
}

fn servers(view: &ClusterView, look: Look, text: &mut String) {
    let mut table = Table::new([
        ("server", Edge::Right),
        ("shards", Edge::Right),
        ("elements", Edge::Right),
        ("versions", Edge::Right),
        ("pending", Edge::Right),
        ("pushed", Edge::Right),
        ("pulled", Edge::Right),
        ("received", Edge::Right),
        ("sent", Edge::Right),
        ("up", Edge::Right),
    ]);
    for server in &view.servers {
        table.row([
            server.server.to_string().into(),
            server.shards.len().to_string().into(),
            grouped(total(server.shards.iter().map(|shard| shard.elements))).into(),
            versions(server).into(),
            grouped(total(server.shards.iter().map(|shard| shard.pending))).into(),
            bytes(server.bytes_pushed).into(),
            bytes(server.bytes_pulled).into(),
            bytes(server.bytes_received).into(),
            bytes(server.bytes_sent).into(),
            span(server.up).into(),
        ]);
    }
    if !view.servers.is_empty() {
        text.push('\n');
        table.write(look, text);
    }
}

fn versions(server: &ServerView) -> String {
    let versions = || server.shards.iter().map(|shard| shard.version);
    match (versions().min(), versions().max()) {
        (Some(least), Some(most)) if least == most => grouped(least.0),
        (Some(least), Some(most)) => format!("{}..{}", grouped(least.0), grouped(most.0)),
        _ => NOTHING.to_owned(),
    }
}

fn shards(view: &ClusterView, look: Look, text: &mut String) {
    let spread = Spread::up_to(view.staleness.max);
    let name = spread.name();
    let mut table = Table::new([
        ("shard", Edge::Right),
        ("server", Edge::Right),
        ("elements", Edge::Right),
        ("version", Edge::Right),
        ("examples", Edge::Right),
        ("pending", Edge::Right),
        ("staleness p50", Edge::Right),
        ("p99", Edge::Right),
        ("max", Edge::Right),
        (&name, Edge::Left),
    ]);
    let mut hidden = Vec::new();
    for server in &view.servers {
        for shard in server.shards.iter().take(SHARDS_SHOWN_MAX) {
            let staleness = match view.staleness.max {
                0 => Staleness::default(),
                _ => Staleness::from(&shard.staleness),
            };
            let cells = [
                shard.shard.to_string().into(),
                server.server.to_string().into(),
                grouped(shard.elements).into(),
                grouped(shard.version.0).into(),
                grouped(shard.progress).into(),
                grouped(shard.pending).into(),
            ];
            table.row(cells.into_iter().chain(staleness_cells(&staleness, spread)));
        }
        let more = server.shards.len().saturating_sub(SHARDS_SHOWN_MAX);
        if more > 0 {
            hidden.push(format!("{more} more on server {}", server.server));
        }
    }
    if view.servers.iter().any(|server| !server.shards.is_empty()) {
        text.push('\n');
        table.write(look, text);
    }
    if !hidden.is_empty() {
        look.line(text, &format!("and {}", hidden.join(", ")));
    }
}

/// Who did not answer, and why not.
pub(super) fn unreachable(view: &ClusterView, look: Look, text: &mut String) {
    for server in &view.unreachable {
        let line = format!("no answer: {}", printable(server));
        look.line(text, &look.paint(Tone::Bad, &line));
    }
}

fn troubles(view: &ClusterView, look: Look, text: &mut String) {
    text.push('\n');
    unreachable(view, look, text);
    if !view.refusals.is_empty() {
        look.line(text, &format!("refused: {}", reasons(&view.refusals)));
    }
    let absent = view
        .workers
        .iter()
        .filter(|row| row.state == WorkerState::Absent)
        .count();
    if absent > 0 {
        let absent = counted(absent as u64, "worker");
        look.line(
            text,
            &format!("{absent} of {} not here yet", view.workers.len()),
        );
    }
    let gone = who_is_gone(view);
    for sentence in &gone {
        look.line(text, &look.paint(Tone::Bad, sentence));
    }
    let waits = who_waits(view);
    if waits.is_empty() {
        let at = if gone.is_empty() { "" } else { " at a gate" };
        look.line(text, &format!("nobody waits{at}"));
    }
    for sentence in waits {
        look.line(text, &look.paint(Tone::Notable, &sentence));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Colour;
    use crate::view::fixtures::two_servers;

    #[test]
    fn the_status_page_tells_everything_without_colour() {
        let view = ClusterView::from(&two_servers()[..]);
        let page = render_status(&view, Look::default());
        assert_eq!(page, include_str!("status.snapshot.txt"));
    }

    #[test]
    fn every_line_fits_the_terminal_and_colour_changes_no_word() {
        let view = ClusterView::from(&two_servers()[..]);
        let narrow = Look {
            colour: Colour::On,
            columns: Some(40),
        };
        let page = render_status(&view, narrow);
        assert!(
            page.lines()
                .all(|line| console::measure_text_width(line) <= 40)
        );
        let wide = Look {
            colour: Colour::On,
            columns: None,
        };
        let coloured = render_status(&view, wide);
        assert_ne!(coloured, render_status(&view, Look::default()));
        assert_eq!(
            console::strip_ansi_codes(&coloured),
            render_status(&view, Look::default())
        );
    }

    #[test]
    fn of_a_cluster_that_does_not_answer_nothing_is_made_up() {
        let mut view = ClusterView::of_nobody();
        view.unreachable
            .push("127.0.0.1:7001: connection refused".into());
        assert_eq!(
            render_status(&view, Look::default()),
            "nothing is known of the job\nno answer: 127.0.0.1:7001: connection refused\n"
        );
    }

    #[test]
    fn a_failed_job_says_why_and_a_server_of_many_shards_shows_some() {
        let mut statuses = two_servers();
        statuses[0].phase = Phase::Failed;
        statuses[0].cause = "server 1 is gone".into();
        let shard = statuses[1].shards[0].clone();
        statuses[1].shards = vec![shard; 20];
        let page = render_status(&ClusterView::from(&statuses[..]), Look::default());
        assert!(page.starts_with("job flights: failed\ncause      server 1 is gone\n"));
        assert!(page.contains("and 4 more on server 1\n"));
    }
}
