//! Fuzzing on stable Rust: `cargo test --test fuzz [-- TARGET…]`.
//!
//! Each target takes bytes and must neither panic nor hang. Inputs are seeds (mostly the vectors)
//! that are cut, joined, repeated and changed. `IMAGEUPDATE_FUZZ_SECONDS` is the time for each
//! target (5 when it is not set), `IMAGEUPDATE_FUZZ_SEED` repeats a run. A finding prints the
//! input; the program ends with `total: N passed, N failed`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    clippy::unwrap_used,
    reason = "a test program with a report of its own"
)]

mod mutate;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mutate::Mutator;

/// How long one input may take before it counts as a hang.
const HANG: Duration = Duration::from_secs(10);

/// The input that is being tried, and since when.
type Current = Mutex<Option<(Instant, Vec<u8>)>>;

/// Something that takes any bytes.
pub(crate) struct Target {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// The inputs to start from.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// What is tried; a panic is a finding.
    pub(crate) run: fn(&[u8]),
}

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let seconds = number("IMAGEUPDATE_FUZZ_SECONDS").unwrap_or(5);
    let seed = number("IMAGEUPDATE_FUZZ_SEED").unwrap_or_else(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(1, |since| u64::from(since.subsec_nanos()) | 1)
    });
    let current: Arc<Current> = Arc::default();
    watch(Arc::clone(&current));
    std::panic::set_hook(Box::new(|_| {}));
    println!("seed {seed}, {seconds} s for each target");
    let (mut passed, mut failed) = (0, 0);
    for target in targets::all() {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == target.name) {
            continue;
        }
        if fuzz(&target, Duration::from_secs(seconds), seed, &current) {
            passed += 1;
        } else {
            failed += 1;
        }
    }
    println!("total: {passed} passed, {failed} failed");
    if failed == 0 && passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs one target; `false` when an input made it panic.
fn fuzz(target: &Target, time: Duration, seed: u64, current: &Current) -> bool {
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    let mut mutator = Mutator::new(seed, &seeds);
    let start = Instant::now();
    let mut count = 0_u64;
    // Every seed once as it is, then changed ones until the time is over.
    while count < seeds.len() as u64 || start.elapsed() < time {
        let input = match usize::try_from(count).ok().and_then(|at| seeds.get(at)) {
            Some(seed) => seed.clone(),
            None => mutator.next(),
        };
        *current.lock().unwrap() = Some((Instant::now(), input.clone()));
        if catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_err() {
            println!(
                "{}: panics on {:?}",
                target.name,
                String::from_utf8_lossy(&input)
            );
            *current.lock().unwrap() = None;
            return false;
        }
        count += 1;
    }
    *current.lock().unwrap() = None;
    println!("{}: {count} inputs without a finding", target.name);
    true
}

/// Ends the program with the input when one takes too long.
fn watch(current: Arc<Current>) {
    std::thread::spawn(move || {
        loop {
            std::thread::park_timeout(Duration::from_millis(500));
            let state = current.lock().unwrap().clone();
            if let Some((since, input)) = state
                && since.elapsed() > HANG
            {
                println!("hangs on {:?}", String::from_utf8_lossy(&input));
                println!("total: 0 passed, 1 failed");
                std::process::exit(1);
            }
        }
    });
}
