//! Dates and durations, without a clock. Times are in UTC: where Go reads the local zone, a template
//! would give another text on each machine.

use std::any::Any as AnyObject;

use super::{Call, Function, Outcome};
use super::{layout, layout_read};
use crate::duration::GoDuration;
use crate::template::value::Parameter::{Any, Object as Struct, String as Str};
use crate::template::value::{Field, Object, Parameter, Text, Type, Value, types};

const SECOND: i64 = 1_000_000_000;
const CLOCK: &str = "this needs the clock, which message templates cannot read";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("toDate", &[Str, Str], |call| {
        let time = layout_read::parse(&call.str(0), &call.str(1));
        Ok(Value::object(time.unwrap_or_default()))
    }),
    Function::new("mustToDate", &[Str, Str], |call| {
        layout_read::parse(&call.str(0), &call.str(1)).map(Value::object)
    }),
    Function::new("mustDateModify", TEXT_AND_TIME, modified),
    Function::new("must_date_modify", TEXT_AND_TIME, modified),
    Function::new("unixEpoch", OTHER, |call| {
        let time = time_of(call.value(0)).copied().unwrap_or_default();
        call.string(time.seconds.to_string())
    }),
    Function::new("duration", &[Any], duration),
    Function::new("durationRound", &[Any], duration_round),
    Function::new("ago", &[Any], |call| match call.value(0) {
        Value::Signed(_, go_type) if [&types::INT, &types::INT64].contains(go_type) => {
            Err(CLOCK.to_owned())
        }
        value if time_of(value).is_some() => Err(CLOCK.to_owned()),
        // Anything else counts as now.
        _ => call.string("0s"),
    }),
];

/// `time.Time`.
static TIME: Type = Type::structure("time.Time");
static MONTH: Type = Type::basic("time.Month", crate::template::value::Kind::Signed);
static WEEKDAY: Type = Type::basic("time.Weekday", crate::template::value::Kind::Signed);

/// A moment, and the distance of its zone from UTC in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time {
    /// Seconds since 1970.
    pub(super) seconds: i64,
    pub(super) nanoseconds: i64,
    pub(super) offset: i64,
}

impl Default for Time {
    /// Go's zero time: the first of January of the year 1.
    fn default() -> Self {
        Self {
            seconds: days_before(1, 1, 1) * 86_400,
            nanoseconds: 0,
            offset: 0,
        }
    }
}

/// Days between 1970 and a date.
pub(super) fn days_before(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin with March have their leap day at the end.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + days - 719_468
}

/// Year, month and day of a number of days since 1970.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl Time {
    fn local(&self) -> i64 {
        self.seconds.saturating_add(self.offset)
    }

    /// Year, month and day in the time's own zone.
    pub(super) fn date(&self) -> (i64, i64, i64) {
        date_of(self.local().div_euclid(86_400))
    }

    /// Hour, minute and second.
    pub(super) fn clock(&self) -> (i64, i64, i64) {
        let second = self.local().rem_euclid(86_400);
        (second / 3_600, second / 60 % 60, second % 60)
    }

    /// The day of the week; Sunday is 0.
    pub(super) fn weekday(&self) -> i64 {
        (self.local().div_euclid(86_400) + 4).rem_euclid(7)
    }

    /// The day of the year, from 1.
    pub(super) fn year_day(&self) -> i64 {
        let (year, ..) = self.date();
        self.local().div_euclid(86_400) - days_before(year, 1, 1) + 1
    }

    fn plus(self, nanoseconds: i64) -> Self {
        let sum = self.nanoseconds + nanoseconds.rem_euclid(SECOND);
        Self {
            seconds: self
                .seconds
                .wrapping_add(nanoseconds.div_euclid(SECOND))
                .wrapping_add(sum / SECOND),
            nanoseconds: sum % SECOND,
            ..self
        }
    }

    /// The date that many years, months and days later; the 31st of a shorter month runs over.
    fn plus_date(self, years: i64, months: i64, days: i64) -> Self {
        let (year, month, day) = self.date();
        // Beyond these Go's own seconds overflow.
        let months = month - 1 + months.clamp(-100_000_000_000, 100_000_000_000);
        let years = years.clamp(-10_000_000_000, 10_000_000_000);
        let year = year.saturating_add(years) + months.div_euclid(12);
        let first = days_before(year, months.rem_euclid(12) + 1, 1);
        let days = first + day - 1 + days.clamp(-10_000_000_000_000, 10_000_000_000_000);
        Self {
            seconds: days * 86_400 + self.local().rem_euclid(86_400) - self.offset,
            ..self
        }
    }

    fn unix_nanoseconds(self) -> i64 {
        self.seconds
            .wrapping_mul(SECOND)
            .wrapping_add(self.nanoseconds)
    }
}

fn time_of(value: &Value) -> Option<&Time> {
    match value {
        Value::Object(object) => object.as_any().downcast_ref(),
        _ => None,
    }
}

fn modified(call: &Call<'_>) -> Outcome {
    let text = call.str(0);
    let duration = GoDuration::parse(&text).map_err(|error| error.to_string())?;
    let time = time_of(call.value(1)).copied().unwrap_or_default();
    Ok(Value::object(time.plus(duration.nanoseconds())))
}

/// Seconds in a text or an `int64`; everything else is nothing.
fn duration(call: &Call<'_>) -> Outcome {
    let seconds = match call.value(0) {
        Value::String(text) => {
            let text = text.to_str();
            text.parse().unwrap_or_else(|_| clamped(&text))
        }
        Value::Signed(seconds, go_type) if **go_type == types::INT64 => *seconds,
        _ => 0,
    };
    let duration = GoDuration::from_nanoseconds(seconds.wrapping_mul(SECOND));
    call.string(duration.to_string())
}

/// A number that is out of range is the greatest or the least one.
fn clamped(text: &str) -> i64 {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    if text.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    }
}

/// The greatest unit of which there is more than one.
fn duration_round(call: &Call<'_>) -> Outcome {
    const UNITS: [(&str, i64); 6] = [
        ("y", 365 * 86_400),
        ("mo", 30 * 86_400),
        ("d", 86_400),
        ("h", 3_600),
        ("m", 60),
        ("s", 1),
    ];
    let nanoseconds = match call.value(0) {
        Value::String(text) => GoDuration::parse(&text.to_str()).map_or(0, GoDuration::nanoseconds),
        Value::Signed(value, go_type) if **go_type == types::INT64 => *value,
        value if time_of(value).is_some() => return Err(CLOCK.to_owned()),
        _ => 0,
    };
    let amount = nanoseconds.unsigned_abs();
    for (name, seconds) in UNITS {
        let unit = seconds.unsigned_abs() * SECOND.unsigned_abs();
        if amount > unit {
            return call.string(format!("{}{name}", amount / unit));
        }
    }
    call.string("0s")
}

/// A number with a name: a month or a day of the week.
#[derive(Debug)]
struct Named {
    go_type: &'static Type,
    number: i64,
    name: &'static str,
}

impl Object for Named {
    fn go_type(&self) -> &'static Type {
        self.go_type
    }

    fn field(&self, _: &str) -> Field {
        Field::None
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("number", Value::int(self.number))]
    }

    fn method(&self, name: &str) -> Option<&'static [Parameter]> {
        (name == "String").then_some(&[])
    }

    fn call(&self, _: &str, _: &[Value]) -> Result<Value, String> {
        Ok(Value::from(self.name))
    }

    fn text(&self) -> Option<Text> {
        Some(Text::from(self.name))
    }

    fn json(&self) -> Option<String> {
        Some(self.number.to_string())
    }

    fn as_any(&self) -> &dyn AnyObject {
        self
    }
}

/// A time as the only parameter.
const OTHER: &[Parameter] = &[Struct(&TIME)];
const TEXT_AND_TIME: &[Parameter] = &[Str, Struct(&TIME)];

impl Object for Time {
    fn go_type(&self) -> &'static Type {
        &TIME
    }

    fn field(&self, name: &str) -> Field {
        match name {
            "wall" | "ext" | "loc" => Field::Unexported,
            _ => Field::None,
        }
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            (
                "wall",
                Value::Unsigned(self.nanoseconds.unsigned_abs(), &types::UINT64),
            ),
            (
                "ext",
                Value::int64(self.seconds.wrapping_sub(Self::default().seconds)),
            ),
            ("loc", Value::int(self.offset)),
        ]
    }

    fn method(&self, name: &str) -> Option<&'static [Parameter]> {
        match name {
            "Year" | "Month" | "Day" | "Hour" | "Minute" | "Second" | "Nanosecond" | "Weekday"
            | "YearDay" | "Unix" | "UnixMilli" | "UnixMicro" | "UnixNano" | "IsZero" | "String"
            | "UTC" => Some(&[]),
            "Format" => Some(&[Str]),
            "AddDate" => Some(&[Parameter::Int, Parameter::Int, Parameter::Int]),
            "Before" | "After" | "Equal" | "Compare" => Some(OTHER),
            _ => None,
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let (year, month, day) = self.date();
        let (hour, minute, second) = self.clock();
        let number = |index: usize| match arguments.get(index) {
            Some(Value::Signed(number, _)) => *number,
            _ => 0,
        };
        let other = || {
            let other = arguments.first().and_then(time_of).copied();
            let other = other.unwrap_or_default();
            (self.seconds, self.nanoseconds).cmp(&(other.seconds, other.nanoseconds))
        };
        Ok(match name {
            "Year" => Value::int(year),
            "Month" => Value::object(Named {
                go_type: &MONTH,
                number: month,
                name: layout::month_name(month),
            }),
            "Day" => Value::int(day),
            "Hour" => Value::int(hour),
            "Minute" => Value::int(minute),
            "Second" => Value::int(second),
            "Nanosecond" => Value::int(self.nanoseconds),
            "Weekday" => Value::object(Named {
                go_type: &WEEKDAY,
                number: self.weekday(),
                name: layout::weekday_name(self.weekday()),
            }),
            "YearDay" => Value::int(self.year_day()),
            "Unix" => Value::int64(self.seconds),
            "UnixMilli" => {
                Value::int64(self.seconds.wrapping_mul(1_000) + self.nanoseconds / 1_000_000)
            }
            "UnixMicro" => {
                Value::int64(self.seconds.wrapping_mul(1_000_000) + self.nanoseconds / 1_000)
            }
            "UnixNano" => Value::int64(self.unix_nanoseconds()),
            "IsZero" => {
                Value::Bool(self.seconds == Self::default().seconds && self.nanoseconds == 0)
            }
            "UTC" => Value::object(Self { offset: 0, ..*self }),
            "Format" => match arguments.first() {
                Some(Value::String(text)) => Value::from(layout::format(&text.to_str(), self)),
                _ => Value::from(""),
            },
            "AddDate" => Value::object(self.plus_date(number(0), number(1), number(2))),
            "Before" => Value::Bool(other().is_lt()),
            "After" => Value::Bool(other().is_gt()),
            "Equal" => Value::Bool(other().is_eq()),
            "Compare" => Value::int(other() as i64),
            _ => Value::from(layout::shown(self)),
        })
    }

    fn text(&self) -> Option<Text> {
        Some(Text::from(layout::shown(self)))
    }

    fn json(&self) -> Option<String> {
        let text = layout::format("2006-01-02T15:04:05.999999999Z07:00", self);
        Some(format!("\"{text}\""))
    }

    fn as_any(&self) -> &dyn AnyObject {
        self
    }
}
