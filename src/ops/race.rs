//! How often and how long a lost race is repeated.
//!
//! Deviation D8 from image-automation-controller, which fails the run and comes back later.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, Instant};

use crate::ports::Cancellation;

/// The pause before the second attempt, at most; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(40);

/// How often the pause doubles.
const DOUBLINGS: u32 = 6;

/// How often Ctrl-C is looked for during a pause.
const POLL: Duration = Duration::from_millis(20);

/// The attempts of one push.
pub(super) struct Race {
    deadline: Instant,
    lost: u32,
}

impl Race {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            deadline: Instant::now() + timeout,
            lost: 0,
        }
    }

    /// Waits, and says whether there is time for another attempt.
    pub(super) fn again(&mut self, cancellation: &Cancellation) -> bool {
        let end = Instant::now() + pause(self.lost, RandomState::new().build_hasher().finish());
        self.lost += 1;
        if end > self.deadline {
            return false;
        }
        loop {
            let rest = end.saturating_duration_since(Instant::now());
            if rest.is_zero() || cancellation.is_cancelled() {
                return true;
            }
            std::thread::sleep(rest.min(POLL));
        }
    }
}

/// A pause of random length, so that two that lost to each other do not meet again.
fn pause(lost: u32, random: u64) -> Duration {
    let most = FIRST_PAUSE * (1 << lost.min(DOUBLINGS));
    let parts = u32::try_from(random % 1000).unwrap_or_default();
    most / 4 + most * 3 / 4 * parts / 1000
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn there_is_no_attempt_after_the_deadline() {
        let mut race = Race::new(Duration::ZERO);
        assert!(!race.again(&Cancellation::default()));
    }

    proptest! {
        #[test]
        fn pauses_grow_and_stay_short(lost in 0_u32..1_000, random in any::<u64>()) {
            let pause = pause(lost, random);
            prop_assert!(pause >= FIRST_PAUSE / 4);
            prop_assert!(pause <= FIRST_PAUSE * (1 << DOUBLINGS));
        }
    }
}
