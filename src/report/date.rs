//! A moment as `yyyymmdd-hhmmss` in UTC: the names of run folders sort by time and mean the same
//! moment on every machine.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY_SECONDS: u64 = 86_400;

/// The stamp of `now`; a clock before 1970 counts as 1970.
pub(crate) fn stamp(now: SystemTime) -> String {
    let ([year, month, day], [hour, minute, second]) = parts(now);
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

/// `now` as `yyyy-mm-ddThh:mm:ssZ`, for programs.
pub(super) fn rfc3339(now: SystemTime) -> String {
    let ([year, month, day], [hour, minute, second]) = parts(now);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day; hour, minute and second.
fn parts(now: SystemTime) -> ([u64; 3], [u64; 3]) {
    let seconds = now
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / DAY_SECONDS);
    let of_day = seconds % DAY_SECONDS;
    let time = [of_day / 3_600, of_day / 60 % 60, of_day % 60];
    ([year, month, day], time)
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let february = days_of_year(year) - 337;
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

fn days_of_year(year: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn known_moments_have_their_stamps() {
        let at = |seconds| stamp(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "19700101-000000");
        assert_eq!(at(951_827_696), "20000229-123456");
        assert_eq!(at(1_709_251_199), "20240229-235959");
        assert_eq!(at(1_709_251_200), "20240301-000000");
        assert_eq!(at(1_767_225_599), "20251231-235959");
        assert_eq!(at(4_107_542_400), "21000301-000000");
        assert_eq!(
            stamp(UNIX_EPOCH - Duration::from_secs(1)),
            "19700101-000000"
        );
    }
}
