//! Decimal arithmetic: shopspring/decimal, which makes 0.1 + 0.2 what people expect.

use num_bigint::{BigInt, Sign};

use super::cast::float;
use super::{Call, Function, Outcome};
use crate::template::value::Parameter::Any;
use crate::template::value::Value;

/// Digits behind the point that a quotient has.
const PLACES: i64 = 16;
/// Numbers further apart than this are refused; floats reach 10^308.
const EXPONENT_LIMIT: i64 = 4_000;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("addf", &[], Any, |call| {
        fold(Decimal::of(0.0)?, call, 0, Decimal::plus)
    }),
    Function::new("add1f", &[Any], |call| {
        let one = Decimal::of(1.0)?;
        Decimal::of(float(call.value(0)))?.plus(&one)?.result()
    }),
    Function::variadic("subf", &[Any], Any, |call| {
        fold(
            Decimal::of(float(call.value(0)))?,
            call,
            1,
            |left, right| left.plus(&right.negated()),
        )
    }),
    Function::variadic("mulf", &[Any], Any, |call| {
        fold(Decimal::of(float(call.value(0)))?, call, 1, Decimal::times)
    }),
    Function::variadic("divf", &[Any], Any, |call| {
        fold(Decimal::of(float(call.value(0)))?, call, 1, Decimal::over)
    }),
];

fn fold(
    start: Decimal,
    call: &Call<'_>,
    from: usize,
    step: impl Fn(&Decimal, &Decimal) -> Result<Decimal, String>,
) -> Outcome {
    let mut result = start;
    for value in call.values(from) {
        call.budget.spend(16)?;
        result = step(&result, &Decimal::of(float(value))?)?;
    }
    result.result()
}

/// `digits * 10^exponent`.
struct Decimal {
    digits: BigInt,
    exponent: i64,
}

fn power_of_ten(exponent: i64) -> Result<BigInt, String> {
    match u32::try_from(exponent) {
        Ok(exponent) if i64::from(exponent) <= EXPONENT_LIMIT => Ok(BigInt::from(10).pow(exponent)),
        _ => Err("the numbers are too far apart for decimal arithmetic".to_owned()),
    }
}

impl Decimal {
    /// The decimal with the fewest digits that reads as the float.
    fn of(value: f64) -> Result<Self, String> {
        if !value.is_finite() {
            let name = match value {
                value if value.is_nan() => "NaN",
                value if value > 0.0 => "+Inf",
                _ => "-Inf",
            };
            return Err(format!("Cannot create a Decimal from {name}"));
        }
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let places = mantissa
            .split_once('.')
            .map_or(0, |(_, places)| places.len());
        let digits = mantissa.replace('.', "");
        Ok(Self {
            digits: digits.parse().unwrap_or_default(),
            exponent: exponent.parse::<i64>().unwrap_or(0) - i64::try_from(places).unwrap_or(0),
        })
    }

    fn negated(&self) -> Self {
        Self {
            digits: -&self.digits,
            exponent: self.exponent,
        }
    }

    fn plus(&self, other: &Self) -> Result<Self, String> {
        let exponent = self.exponent.min(other.exponent);
        let scaled = |number: &Self| {
            power_of_ten(number.exponent - exponent).map(|power| &number.digits * power)
        };
        Ok(Self {
            digits: scaled(self)? + scaled(other)?,
            exponent,
        })
    }

    fn times(&self, other: &Self) -> Result<Self, String> {
        let exponent = self.exponent + other.exponent;
        if exponent.abs() > EXPONENT_LIMIT {
            return Err("the product is out of range for decimal arithmetic".to_owned());
        }
        Ok(Self {
            digits: &self.digits * &other.digits,
            exponent,
        })
    }

    /// The quotient with sixteen places, rounded half away from zero.
    fn over(&self, other: &Self) -> Result<Self, String> {
        if other.digits.sign() == Sign::NoSign {
            return Err("decimal division by 0".to_owned());
        }
        let shift = self.exponent - other.exponent + PLACES;
        let (mut numerator, mut denominator) = (self.digits.clone(), other.digits.clone());
        if shift < 0 {
            denominator *= power_of_ten(-shift)?;
        } else {
            numerator *= power_of_ten(shift)?;
        }
        let mut quotient = &numerator / &denominator;
        let remainder = &numerator % &denominator;
        if remainder.magnitude() * 2_u32 >= *denominator.magnitude() {
            let negative = (numerator.sign() == Sign::Minus) != (denominator.sign() == Sign::Minus);
            quotient += if negative { -1 } else { 1 };
        }
        Ok(Self {
            digits: quotient,
            exponent: -PLACES,
        })
    }

    /// The nearest float.
    fn result(&self) -> Outcome {
        let text = format!("{}e{}", self.digits, self.exponent);
        Ok(Value::Float(text.parse().unwrap_or(f64::NAN)))
    }
}
