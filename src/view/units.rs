//! Numbers as people read them: grouped counts, scaled rates, bytes, spans of time.
//!
//! Every display and summary speaks through these few functions, so that one number looks alike
//! everywhere, and a value that does not exist is a dash instead of a panic.

use std::time::Duration;

/// What stands for a value that does not exist.
pub const NOTHING: &str = "-";

/// A count with its thousands apart: `1,234,567`.
#[must_use]
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three digits and a decimal prefix: `950`, `12.3 k`, `1.23 M`; a dash for nothing, NaN, infinity.
#[must_use]
pub fn scaled(value: Option<f64>) -> String {
    let Some(mut value) = value.filter(|value| value.is_finite()) else {
        return NOTHING.to_owned();
    };
    let prefixes = [" k", " M", " G", " T", " P", " E"];
    let mut prefix = "";
    for next in prefixes {
        // 999.5 would be rounded to 1000.
        if value.abs() < 999.5 {
            break;
        }
        value /= 1_000.0;
        prefix = next;
    }
    let decimals = match value.abs() {
        _ if prefix.is_empty() && value.fract().abs() < f64::EPSILON => 0,
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}{prefix}")
}

/// The sum of counts that a peer sent: too great to be true is the greatest, not a panic.
#[must_use]
pub fn total(counts: impl IntoIterator<Item = u64>) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}

/// Bytes in decimal units: `12.3 MB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    let text = scaled(Some(count as f64));
    if text.contains(' ') {
        format!("{text}B")
    } else {
        format!("{text} B")
    }
}

/// A span of time: `0.4 s`, `12.3 s`, `3 min 05 s`, `2 h 07 min`.
#[must_use]
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    if seconds < 100 {
        return format!("{:.1} s", span.as_secs_f64());
    }
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    if minutes < 100 {
        return format!("{minutes} min {seconds:02} s");
    }
    format!("{} h {:02} min", minutes / 60, minutes % 60)
}

/// A loss or a score with four decimals, as a power of ten where these would be too many digits or
/// too few; NaN and infinity say that the model has diverged, so they are shown.
#[must_use]
pub fn score(value: Option<f64>) -> String {
    match value {
        None => NOTHING.to_owned(),
        Some(value) if value.is_finite() && !has_four_decimals(value.abs()) => {
            format!("{value:.3e}")
        }
        Some(value) => format!("{value:.4}"),
    }
}

fn has_four_decimals(size: f64) -> bool {
    size == 0.0 || (0.001..1e6).contains(&size)
}

/// `part` of `whole`, 1 for all of it; `None` of an empty whole.
#[must_use]
pub fn share(part: f64, whole: f64) -> Option<f64> {
    let share = part / whole;
    share.is_finite().then_some(share)
}

/// A share as whole percent: `43 %`.
#[must_use]
pub fn percent(share: Option<f64>) -> String {
    match share.filter(|share| share.is_finite()) {
        Some(share) => format!("{:.0} %", share * 100.0),
        None => NOTHING.to_owned(),
    }
}

/// `text` without control characters: what a peer wrote must not steer the reader's terminal.
#[must_use]
pub fn printable(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}

/// `1 row`, `2 rows`.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_by_thousands() {
        let shown = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "shard"), "1 shard");
        assert_eq!(counted(4_000, "shard"), "4,000 shards");
    }

    #[test]
    fn rates_keep_three_digits() {
        let shown = [0.0, 7.0, 7.254, 99.96, 999.6, 12_345.0, 1.5e9].map(|x| scaled(Some(x)));
        assert_eq!(
            shown,
            ["0", "7", "7.25", "100", "1.00 k", "12.3 k", "1.50 G"]
        );
        assert_eq!(bytes(12), "12 B");
        assert_eq!(bytes(12_300_000), "12.3 MB");
    }

    #[test]
    fn what_does_not_exist_is_a_dash() {
        assert_eq!(scaled(Some(f64::NAN)), "-");
        assert_eq!(scaled(Some(f64::INFINITY)), "-");
        assert_eq!(scaled(None), "-");
        assert_eq!(percent(share(0.0, 0.0)), "-");
        assert_eq!(score(None), "-");
        assert_eq!(score(Some(f64::NAN)), "NaN");
        assert_eq!(score(Some(f64::INFINITY)), "inf");
    }

    #[test]
    fn scores_stay_short_whatever_their_size() {
        let shown = [0.0, 0.693_12, 0.001, 3.21e-5, -12.0, 999_999.0, 1e30].map(|x| score(Some(x)));
        assert_eq!(
            shown,
            [
                "0.0000",
                "0.6931",
                "0.0010",
                "3.210e-5",
                "-12.0000",
                "999999.0000",
                "1.000e30"
            ]
        );
    }

    #[test]
    fn spans_grow_from_seconds_to_hours() {
        let shown = [0.04, 99.9, 185.0, 7_650.0].map(|s| span(Duration::from_secs_f64(s)));
        assert_eq!(shown, ["0.0 s", "99.9 s", "3 min 05 s", "2 h 07 min"]);
    }

    #[test]
    fn a_peer_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a [2Jb c");
    }
}
