//! Ages as kubectl prints them, and times as flux prints them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The time between two moments, in kubectl's short form (apimachinery `HumanDuration`): `119s`,
/// `2m30s`, `179m`, `7h5m`, `47h`, `7d3h`, `729d`, `2y10d`, `9y`.
pub fn human_duration(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.as_second() - from.as_second();
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |first: i64, unit: &str, rest: i64, rest_unit: &str| {
        if rest == 0 {
            format!("{first}{unit}")
        } else {
            format!("{first}{unit}{rest}{rest_unit}")
        }
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, "d", hours % 24, "h"),
        () if days < 365 * 2 => format!("{days}d"),
        () if days < 365 * 8 => two(days / 365, "y", days % 365, "d"),
        () => format!("{}y", days / 365),
    }
}

/// An RFC 3339 time in the given zone, whole seconds, `Z` for UTC; text that is no time is returned
/// as it is.
pub fn local_time(text: &str, zone: &TimeZone) -> String {
    let Ok(time) = text.parse::<Timestamp>() else {
        return text.to_owned();
    };
    let offset = zone.to_offset(time);
    if offset.seconds() == 0 {
        let whole = Timestamp::from_second(time.as_second()).unwrap_or(time);
        return whole.to_string();
    }
    time.to_zoned(zone.clone())
        .strftime("%Y-%m-%dT%H:%M:%S%:z")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_age(seconds: i64, expected: &str) {
        let from = Timestamp::from_second(1_700_000_000).unwrap();
        let to = Timestamp::from_second(1_700_000_000 + seconds).unwrap();
        assert_eq!(human_duration(from, to), expected, "{seconds} s");
    }

    #[test]
    fn ages_follow_kubectl() {
        assert_age(-5, "<invalid>");
        assert_age(-1, "0s");
        assert_age(119, "119s");
        assert_age(150, "2m30s");
        assert_age(300, "5m");
        assert_age(179 * 60, "179m");
        assert_age(7 * 3600 + 5 * 60, "7h5m");
        assert_age(47 * 3600, "47h");
        assert_age(7 * 86_400 + 3 * 3600, "7d3h");
        assert_age(3 * 86_400, "3d");
        assert_age(729 * 86_400, "729d");
        assert_age((2 * 365 + 10) * 86_400, "2y10d");
        assert_age(9 * 365 * 86_400, "9y");
    }

    #[test]
    fn times_are_shown_in_the_zone_with_whole_seconds() {
        assert_eq!(
            local_time("2024-05-01T10:00:00.5Z", &TimeZone::UTC),
            "2024-05-01T10:00:00Z"
        );
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(
            local_time("2024-05-01T10:00:00Z", &zone),
            "2024-05-01T12:00:00+02:00"
        );
        assert_eq!(local_time("soon", &TimeZone::UTC), "soon");
    }
}
