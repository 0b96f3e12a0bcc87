//! Go's date layouts: the date of 2 January 2006 as an example of what is meant; and times in them.

use super::dates::Time;

/// English, as in Go.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// From Sunday on.
pub(super) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// The name of a month, from 1.
pub(super) fn month_name(month: i64) -> &'static str {
    let index = usize::try_from(month - 1).unwrap_or(0);
    MONTHS.get(index).copied().unwrap_or_default()
}

/// The name of a day of the week, from Sunday as 0.
pub(super) fn weekday_name(day: i64) -> &'static str {
    let index = usize::try_from(day).unwrap_or(0);
    WEEKDAYS.get(index).copied().unwrap_or_default()
}

/// An element of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    LongMonth,
    Month,
    NumberMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    BlankDay,
    ZeroDay,
    BlankYearDay,
    ZeroYearDay,
    Hour,
    TwelveHour,
    ZeroTwelveHour,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    Year,
    ShortYear,
    /// `PM`, or `pm`.
    Noon(bool),
    ZoneName,
    /// `Z` for UTC or a sign, colons, and how many pairs of digits.
    Zone {
        letter: bool,
        colons: bool,
        pairs: usize,
    },
    /// Digits of a fraction; `9` rather than `0` drops zeros at the end.
    Fraction {
        digits: usize,
        trims: bool,
        comma: bool,
    },
}

/// Spellings, those that begin like others first.
const SPELLINGS: &[(&str, Element)] = &[
    ("January", Element::LongMonth),
    ("Jan", Element::Month),
    ("Monday", Element::LongWeekday),
    ("Mon", Element::Weekday),
    ("MST", Element::ZoneName),
    ("01", Element::ZeroMonth),
    ("002", Element::ZeroYearDay),
    ("02", Element::ZeroDay),
    ("03", Element::ZeroTwelveHour),
    ("04", Element::ZeroMinute),
    ("05", Element::ZeroSecond),
    ("06", Element::ShortYear),
    ("15", Element::Hour),
    ("1", Element::NumberMonth),
    ("2006", Element::Year),
    ("2", Element::Day),
    ("__2", Element::BlankYearDay),
    ("_2", Element::BlankDay),
    ("3", Element::TwelveHour),
    ("4", Element::Minute),
    ("5", Element::Second),
    ("PM", Element::Noon(true)),
    ("pm", Element::Noon(false)),
    ("-07:00:00", zone(false, true, 3)),
    ("-07:00", zone(false, true, 2)),
    ("-070000", zone(false, false, 3)),
    ("-0700", zone(false, false, 2)),
    ("-07", zone(false, false, 1)),
    ("Z07:00:00", zone(true, true, 3)),
    ("Z07:00", zone(true, true, 2)),
    ("Z070000", zone(true, false, 3)),
    ("Z0700", zone(true, false, 2)),
    ("Z07", zone(true, false, 1)),
];

const fn zone(letter: bool, colons: bool, pairs: usize) -> Element {
    Element::Zone {
        letter,
        colons,
        pairs,
    }
}

/// The element that a layout begins with, and its length.
pub(super) fn element(layout: &str) -> Option<(Element, usize)> {
    if let Some(rest) = layout.strip_prefix(['.', ','])
        && let Some(digit) = rest.chars().next().filter(|c| matches!(c, '0' | '9'))
    {
        let digits = rest.len() - rest.trim_start_matches(digit).len();
        if !rest[digits..].starts_with(|c: char| c.is_ascii_digit()) {
            let fraction = Element::Fraction {
                digits,
                trims: digit == '9',
                comma: layout.starts_with(','),
            };
            return Some((fraction, digits + 1));
        }
    }
    // `_2006` is an underscore and a year.
    if layout.starts_with("_2006") {
        return None;
    }
    let (spelling, element) = SPELLINGS
        .iter()
        .find(|(spelling, _)| layout.starts_with(spelling))?;
    let letter_follows = layout[spelling.len()..].starts_with(|c: char| c.is_ascii_lowercase());
    if matches!(element, Element::Month | Element::Weekday) && letter_follows {
        return None;
    }
    Some((*element, spelling.len()))
}

/// Text before the next element, the element, and what follows.
pub(super) fn next(layout: &str) -> (&str, Option<(Element, &str)>, &str) {
    for (at, _) in layout.char_indices() {
        if let Some((element, length)) = element(&layout[at..]) {
            let spelling = &layout[at..at + length];
            return (
                &layout[..at],
                Some((element, spelling)),
                &layout[at + length..],
            );
        }
    }
    (layout, None, "")
}

/// `Time.String`.
pub(super) fn shown(time: &Time) -> String {
    let name = if time.offset == 0 { "UTC" } else { "-0700" };
    format(&format!("2006-01-02 15:04:05.999999999 -0700 {name}"), time).replace(" UTC UTC", " UTC")
}

/// Formats a time by a layout.
pub(super) fn format(layout: &str, time: &Time) -> String {
    let mut text = String::new();
    let mut rest = layout;
    loop {
        let (before, found, behind) = next(rest);
        text.push_str(before);
        let Some((element, _)) = found else {
            return text;
        };
        text.push_str(&formatted(element, time));
        rest = behind;
    }
}

fn formatted(element: Element, time: &Time) -> String {
    let (year, month, day) = time.date();
    let (hour, minute, second) = time.clock();
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    match element {
        Element::LongMonth => month_name(month).to_owned(),
        Element::Month => month_name(month)[..3].to_owned(),
        Element::NumberMonth => month.to_string(),
        Element::ZeroMonth => format!("{month:02}"),
        Element::LongWeekday => weekday_name(time.weekday()).to_owned(),
        Element::Weekday => weekday_name(time.weekday())[..3].to_owned(),
        Element::Day => day.to_string(),
        Element::BlankDay => format!("{day:2}"),
        Element::ZeroDay => format!("{day:02}"),
        Element::BlankYearDay => format!("{:3}", time.year_day()),
        Element::ZeroYearDay => format!("{:03}", time.year_day()),
        Element::Hour => format!("{hour:02}"),
        Element::TwelveHour => twelve.to_string(),
        Element::ZeroTwelveHour => format!("{twelve:02}"),
        Element::Minute => minute.to_string(),
        Element::ZeroMinute => format!("{minute:02}"),
        Element::Second => second.to_string(),
        Element::ZeroSecond => format!("{second:02}"),
        Element::Year => format!("{year:04}"),
        Element::ShortYear => format!("{:02}", year.rem_euclid(100)),
        Element::Noon(upper) => {
            let text = if hour >= 12 { "PM" } else { "AM" };
            if upper {
                text.to_owned()
            } else {
                text.to_lowercase()
            }
        }
        Element::ZoneName if time.offset == 0 => "UTC".to_owned(),
        Element::ZoneName => {
            let pairs = if time.offset % 3_600 == 0 { 1 } else { 2 };
            offset_text(time.offset, false, pairs)
        }
        Element::Zone { letter: true, .. } if time.offset == 0 => "Z".to_owned(),
        Element::Zone { colons, pairs, .. } => offset_text(time.offset, colons, pairs),
        Element::Fraction {
            digits,
            trims,
            comma,
        } => {
            let all = format!("{:09}", time.nanoseconds);
            let cut = all.get(..digits).unwrap_or(&all);
            let cut = if trims {
                cut.trim_end_matches('0')
            } else {
                cut
            };
            let sign = if comma { "," } else { "." };
            if cut.is_empty() {
                String::new()
            } else {
                format!("{sign}{cut}")
            }
        }
    }
}

fn offset_text(offset: i64, colons: bool, pairs: usize) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let seconds = offset.abs();
    let parts = [seconds / 3_600, seconds / 60 % 60, seconds % 60];
    let parts: Vec<String> = parts
        .iter()
        .take(pairs)
        .map(|part| format!("{part:02}"))
        .collect();
    format!("{sign}{}", parts.join(if colons { ":" } else { "" }))
}
