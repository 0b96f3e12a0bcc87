//! Functions that roll dice. Sprig's hermetic map keeps them, so that they are here too.

use rand::Rng as _;
use rand::seq::SliceRandom as _;

use super::case::characters;
use super::{Call, Function, Outcome};
use crate::template::value::Parameter::{Int, String as Str};
use crate::template::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("randInt", &[Int, Int], |call| {
        let (least, limit) = (call.int(0), call.int(1));
        if limit.wrapping_sub(least) <= 0 {
            return Err("invalid argument to Intn".to_owned());
        }
        Ok(Value::int(rand::thread_rng().gen_range(least..limit)))
    }),
    Function::new("shuffle", &[Str], shuffle),
];

fn shuffle(call: &Call<'_>) -> Outcome {
    let mut all: Vec<char> = characters(call.text(0)).map(|(c, _)| c).collect();
    all.shuffle(&mut rand::thread_rng());
    call.string(all.into_iter().collect::<String>())
}
