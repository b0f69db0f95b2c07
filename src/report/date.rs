//! A moment as `yyyymmdd-hhmmss` in UTC: the names of run folders sort by time and mean the same
//! moment on every machine.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// The stamp of `now`; a clock before 1970, or past the year 9999, counts as 1970.
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
fn parts(now: SystemTime) -> ([i32; 3], [u8; 3]) {
    // A clock past the year 9999 is as wrong as one before 1970.
    let moment = now.duration_since(UNIX_EPOCH).ok().and_then(|since| {
        let seconds = i64::try_from(since.as_secs()).ok()?;
        OffsetDateTime::from_unix_timestamp(seconds).ok()
    });
    let moment = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let date = [
        moment.year(),
        i32::from(u8::from(moment.month())),
        i32::from(moment.day()),
    ];
    (date, [moment.hour(), moment.minute(), moment.second()])
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
