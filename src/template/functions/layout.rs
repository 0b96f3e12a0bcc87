//! Go's date layouts: the date of 2 January 2006 as an example of what is meant.

use super::dates::{Time, days_before};
use crate::duration::quote;

const MONTHS: [&str; 12] = [
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
const WEEKDAYS: [&str; 7] = [
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
enum Element {
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
fn element(layout: &str) -> Option<(Element, usize)> {
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
fn next(layout: &str) -> (&str, Option<(Element, &str)>, &str) {
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

/// What was read so far.
#[derive(Default)]
struct Read {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanoseconds: i64,
    afternoon: Option<bool>,
    offset: i64,
}

/// Reads a time by a layout; errors are Go's.
pub(super) fn parse(layout: &str, value: &str) -> Result<Time, String> {
    let mut reader = Reader {
        whole_layout: layout,
        whole_value: value,
        value,
        read: Read::default(),
    };
    let mut rest = layout;
    loop {
        let (before, found, behind) = next(rest);
        reader.literal(before)?;
        let Some((element, spelling)) = found else {
            break;
        };
        reader.element(element, spelling, behind)?;
        rest = behind;
    }
    if !reader.value.is_empty() {
        let extra = quote(reader.value);
        return Err(format!(
            "parsing time {}: extra text: {extra}",
            quote(value)
        ));
    }
    reader.time()
}

struct Reader<'v> {
    whole_layout: &'v str,
    whole_value: &'v str,
    value: &'v str,
    read: Read,
}

impl<'v> Reader<'v> {
    fn mismatch<T>(&self, at: &str, element: &str) -> Result<T, String> {
        Err(format!(
            "parsing time {} as {}: cannot parse {} as {}",
            quote(self.whole_value),
            quote(self.whole_layout),
            quote(at),
            quote(element)
        ))
    }

    fn out_of_range<T>(&self, what: &str) -> Result<T, String> {
        let value = quote(self.whole_value);
        Err(format!("parsing time {value}: {what} out of range"))
    }

    /// Text of the layout; blanks stand for any number of them.
    fn literal(&mut self, text: &str) -> Result<(), String> {
        let mut expected = text;
        while let Some(first) = expected.chars().next() {
            if first == ' ' {
                if !self.value.is_empty() && !self.value.starts_with(' ') {
                    return self.mismatch(self.value, text);
                }
                expected = expected.trim_start_matches(' ');
                self.value = self.value.trim_start_matches(' ');
                continue;
            }
            match self.value.strip_prefix(first) {
                Some(rest) => self.value = rest,
                None => return self.mismatch(self.value, text),
            }
            expected = &expected[first.len_utf8()..];
        }
        Ok(())
    }

    /// One or two digits.
    fn number(&mut self, fixed: bool) -> Option<i64> {
        let digits = self.value.bytes().take(2).take_while(u8::is_ascii_digit);
        match digits.count() {
            0 => None,
            1 if fixed => None,
            count => self.digits(count),
        }
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let digits = self.value.get(..count)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.value = &self.value[count..];
        digits.parse().ok()
    }

    /// A name or its first three letters, in any case; its place from 0.
    fn name(&mut self, names: &[&str], long: bool) -> Option<i64> {
        let found = names.iter().position(|name| {
            let name = if long { name } else { &name[..3] };
            self.value
                .get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
        })?;
        let length = if long { names[found].len() } else { 3 };
        self.value = &self.value[length..];
        i64::try_from(found).ok()
    }

    fn element(&mut self, element: Element, spelling: &str, behind: &str) -> Result<(), String> {
        let held = self.value;
        let in_range = |value: i64, range: std::ops::Range<i64>| range.contains(&value);
        let failed = |reader: &Self| reader.mismatch(held, spelling);
        match element {
            Element::Year => match self.digits(4) {
                Some(year) => self.read.year = year,
                None => return failed(self),
            },
            Element::ShortYear => match self.number(true) {
                Some(year) if year >= 69 => self.read.year = year + 1_900,
                Some(year) => self.read.year = year + 2_000,
                None => return failed(self),
            },
            Element::LongMonth | Element::Month => {
                match self.name(&MONTHS, element == Element::LongMonth) {
                    Some(month) => self.read.month = Some(month + 1),
                    None => return failed(self),
                }
            }
            Element::NumberMonth | Element::ZeroMonth => {
                match self.number(element == Element::ZeroMonth) {
                    Some(month) if in_range(month, 1..13) => self.read.month = Some(month),
                    Some(_) => return self.out_of_range("month"),
                    None => return failed(self),
                }
            }
            Element::LongWeekday | Element::Weekday => {
                if self
                    .name(&WEEKDAYS, element == Element::LongWeekday)
                    .is_none()
                {
                    return failed(self);
                }
            }
            Element::Day | Element::BlankDay | Element::ZeroDay => {
                if element == Element::BlankDay {
                    self.value = self.value.strip_prefix(' ').unwrap_or(self.value);
                }
                match self.number(element == Element::ZeroDay) {
                    Some(day) => self.read.day = Some(day),
                    None => return failed(self),
                }
            }
            Element::BlankYearDay | Element::ZeroYearDay => {
                let blanks = self.value.len() - self.value.trim_start_matches(' ').len();
                let blanks = if element == Element::BlankYearDay {
                    blanks.min(2)
                } else {
                    0
                };
                self.value = &self.value[blanks..];
                match self.digits(3 - blanks) {
                    Some(day) => self.read.year_day = Some(day),
                    None => return failed(self),
                }
            }
            Element::Hour => match self.number(false) {
                Some(hour) if in_range(hour, 0..24) => self.read.hour = hour,
                Some(_) => return self.out_of_range("hour"),
                None => return failed(self),
            },
            Element::TwelveHour | Element::ZeroTwelveHour => {
                match self.number(element == Element::ZeroTwelveHour) {
                    Some(hour) if in_range(hour, 0..13) => self.read.hour = hour,
                    Some(_) => return self.out_of_range("hour"),
                    None => return failed(self),
                }
            }
            Element::Minute | Element::ZeroMinute => {
                match self.number(element == Element::ZeroMinute) {
                    Some(minute) if in_range(minute, 0..60) => self.read.minute = minute,
                    Some(_) => return self.out_of_range("minute"),
                    None => return failed(self),
                }
            }
            Element::Second | Element::ZeroSecond => {
                match self.number(element == Element::ZeroSecond) {
                    Some(second) if in_range(second, 0..60) => self.read.second = second,
                    Some(_) => return self.out_of_range("second"),
                    None => return failed(self),
                }
                // A fraction may follow where the layout has none.
                let has_fraction =
                    matches!(self::element(behind), Some((Element::Fraction { .. }, _)));
                let fraction = self.value.strip_prefix(['.', ',']);
                if !has_fraction
                    && fraction.is_some_and(|f| f.starts_with(|c: char| c.is_ascii_digit()))
                {
                    self.fraction();
                }
            }
            Element::Noon(upper) => {
                let names = if upper { ["AM", "PM"] } else { ["am", "pm"] };
                match names.iter().position(|name| self.value.starts_with(name)) {
                    Some(which) => self.read.afternoon = Some(which == 1),
                    None => return failed(self),
                }
                self.value = &self.value[2..];
            }
            Element::ZoneName => match self.zone_name() {
                Some(rest) => self.value = rest,
                None => return failed(self),
            },
            Element::Zone {
                letter,
                colons,
                pairs,
            } => {
                if letter && self.value.starts_with('Z') {
                    self.value = &self.value[1..];
                } else if !self.zone(colons, pairs) {
                    return failed(self);
                }
            }
            Element::Fraction { digits, trims, .. } => {
                let fraction = self.value.strip_prefix(['.', ',']);
                let found = fraction.map_or(0, |text| {
                    text.bytes().take_while(u8::is_ascii_digit).count()
                });
                if (trims && found > 0) || (!trims && found == digits) {
                    self.fraction();
                } else if !trims {
                    return failed(self);
                }
            }
        }
        Ok(())
    }

    fn fraction(&mut self) {
        let digits = &self.value[1..];
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        let nine: String = digits[..count]
            .chars()
            .chain("000000000".chars())
            .take(9)
            .collect();
        self.read.nanoseconds = nine.parse().unwrap_or(0);
        self.value = &digits[count..];
    }

    fn zone(&mut self, colons: bool, pairs: usize) -> bool {
        let negative = self.value.starts_with('-');
        let Some(mut rest) = self.value.strip_prefix(['+', '-']) else {
            return false;
        };
        let mut seconds = 0;
        for (index, unit) in [3_600, 60, 1].into_iter().take(pairs).enumerate() {
            if colons && index > 0 {
                match rest.strip_prefix(':') {
                    Some(behind) => rest = behind,
                    None => return false,
                }
            }
            let Some(number) = rest.get(..2).and_then(|digits| digits.parse::<i64>().ok()) else {
                return false;
            };
            seconds += number * unit;
            rest = &rest[2..];
        }
        self.read.offset = if negative { -seconds } else { seconds };
        self.value = rest;
        true
    }

    /// An abbreviation of three to five capitals.
    fn zone_name(&self) -> Option<&'v str> {
        if let Some(rest) = self.value.strip_prefix("UTC") {
            return Some(rest);
        }
        let capitals = self
            .value
            .bytes()
            .take_while(u8::is_ascii_uppercase)
            .count();
        (3..=5).contains(&capitals).then(|| &self.value[capitals..])
    }

    fn time(&self) -> Result<Time, String> {
        let read = &self.read;
        let hour = match read.afternoon {
            Some(true) if read.hour < 12 => read.hour + 12,
            Some(false) if read.hour == 12 => 0,
            _ => read.hour,
        };
        let leap = read.year % 4 == 0 && (read.year % 100 != 0 || read.year % 400 == 0);
        let (mut month, mut day) = (read.month, read.day);
        if let Some(year_day) = read.year_day {
            if !(1..=365 + i64::from(leap)).contains(&year_day) {
                return self.out_of_range("day-of-year");
            }
            let first = days_before(read.year, 1, 1);
            let found = (1..=12)
                .rev()
                .find(|month| days_before(read.year, *month, 1) - first < year_day);
            let found = found.unwrap_or(1);
            month = month.or(Some(found));
            day = day.or(Some(year_day - (days_before(read.year, found, 1) - first)));
        }
        let (month, day) = (month.unwrap_or(1), day.unwrap_or(1));
        let last = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if !(1..=last).contains(&day) {
            return self.out_of_range("day");
        }
        let days = days_before(read.year, month, day);
        Ok(Time {
            seconds: days * 86_400 + hour * 3_600 + read.minute * 60 + read.second - read.offset,
            nanoseconds: read.nanoseconds,
            offset: read.offset,
        })
    }
}
