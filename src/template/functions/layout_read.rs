//! Times read by Go's date layouts, with Go's errors.

use super::dates::{Time, days_before};
use super::layout::{self, Element, MONTHS, WEEKDAYS, next};
use crate::duration::quote;

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

/// Why an element cannot be read.
enum Fault {
    Mismatch,
    OutOfRange(&'static str),
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
        let found = match element {
            Element::Zone { .. } | Element::ZoneName => self.offset(element),
            Element::Fraction { digits, trims, .. } => self.given_fraction(digits, trims),
            Element::Second | Element::ZeroSecond => self.second(element, behind),
            _ => self
                .date(element)
                .or_else(|| self.clock(element))
                .unwrap_or(Ok(())),
        };
        found.or_else(|fault| match fault {
            Fault::Mismatch => self.mismatch(held, spelling),
            Fault::OutOfRange(what) => self.out_of_range(what),
        })
    }

    /// Elements of the date; `None` for others.
    fn date(&mut self, element: Element) -> Option<Result<(), Fault>> {
        let long = matches!(element, Element::LongMonth | Element::LongWeekday);
        let number = match element {
            Element::Year => self.digits(4),
            Element::ShortYear => self
                .number(true)
                .map(|year| year + if year >= 69 { 1_900 } else { 2_000 }),
            Element::LongMonth | Element::Month => self.name(&MONTHS, long).map(|month| month + 1),
            Element::LongWeekday | Element::Weekday => self.name(&WEEKDAYS, long),
            Element::NumberMonth | Element::Day => self.number(false),
            Element::ZeroMonth | Element::ZeroDay => self.number(true),
            Element::BlankDay => {
                self.value = self.value.strip_prefix(' ').unwrap_or(self.value);
                self.number(false)
            }
            Element::ZeroYearDay => self.digits(3),
            Element::BlankYearDay => {
                let blanks = self.value.len() - self.value.trim_start_matches(' ').len();
                self.value = &self.value[blanks.min(2)..];
                self.digits(3 - blanks.min(2))
            }
            _ => return None,
        };
        let Some(number) = number else {
            return Some(Err(Fault::Mismatch));
        };
        match element {
            Element::Year | Element::ShortYear => self.read.year = number,
            Element::NumberMonth | Element::ZeroMonth if !(1..13).contains(&number) => {
                return Some(Err(Fault::OutOfRange("month")));
            }
            Element::BlankYearDay | Element::ZeroYearDay => self.read.year_day = Some(number),
            Element::Day | Element::BlankDay | Element::ZeroDay => self.read.day = Some(number),
            // A weekday says nothing that the date does not.
            Element::LongWeekday | Element::Weekday => {}
            _ => self.read.month = Some(number),
        }
        Some(Ok(()))
    }

    /// Hours, minutes and halves of the day; `None` for others.
    fn clock(&mut self, element: Element) -> Option<Result<(), Fault>> {
        let result = match element {
            Element::Hour => self
                .ranged(false, 24, "hour")
                .map(|hour| self.read.hour = hour),
            Element::TwelveHour | Element::ZeroTwelveHour => self
                .ranged(element == Element::ZeroTwelveHour, 13, "hour")
                .map(|hour| self.read.hour = hour),
            Element::Minute | Element::ZeroMinute => self
                .ranged(element == Element::ZeroMinute, 60, "minute")
                .map(|minute| self.read.minute = minute),
            Element::Noon(upper) => {
                let names = if upper { ["AM", "PM"] } else { ["am", "pm"] };
                let which = names.iter().position(|name| self.value.starts_with(name));
                which.ok_or(Fault::Mismatch).map(|which| {
                    self.read.afternoon = Some(which == 1);
                    self.value = &self.value[2..];
                })
            }
            _ => return None,
        };
        Some(result)
    }

    /// Seconds; a fraction may follow where the layout has none.
    fn second(&mut self, element: Element, behind: &str) -> Result<(), Fault> {
        self.read.second = self.ranged(element == Element::ZeroSecond, 60, "second")?;
        let has_fraction = matches!(layout::element(behind), Some((Element::Fraction { .. }, _)));
        let fraction = self.value.strip_prefix(['.', ',']);
        if !has_fraction && fraction.is_some_and(|f| f.starts_with(|c: char| c.is_ascii_digit())) {
            self.fraction();
        }
        Ok(())
    }

    /// A fraction that the layout has, of so many digits; `trims` takes any number, and none.
    fn given_fraction(&mut self, digits: usize, trims: bool) -> Result<(), Fault> {
        let fraction = self.value.strip_prefix(['.', ',']);
        let found = fraction.map_or(0, |text| {
            text.bytes().take_while(u8::is_ascii_digit).count()
        });
        if (trims && found > 0) || (!trims && found == digits) {
            self.fraction();
        } else if !trims {
            return Err(Fault::Mismatch);
        }
        Ok(())
    }

    /// The zone, by its name or its distance from UTC.
    fn offset(&mut self, element: Element) -> Result<(), Fault> {
        match element {
            Element::Zone { letter: true, .. } if self.value.starts_with('Z') => {
                self.value = &self.value[1..];
            }
            Element::Zone { colons, pairs, .. } => {
                if !self.zone(colons, pairs) {
                    return Err(Fault::Mismatch);
                }
            }
            _ => self.value = self.zone_name().ok_or(Fault::Mismatch)?,
        }
        Ok(())
    }

    /// A number of one or two digits below a limit.
    fn ranged(&mut self, fixed: bool, limit: i64, what: &'static str) -> Result<i64, Fault> {
        let number = self.number(fixed).ok_or(Fault::Mismatch)?;
        if number < limit {
            Ok(number)
        } else {
            Err(Fault::OutOfRange(what))
        }
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
