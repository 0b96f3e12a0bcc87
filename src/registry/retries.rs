//! When a failed request is sent again, and after how long.

use std::time::Duration;

use jiff::Timestamp;
use rand::Rng as _;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use tokio::time::Instant;

use crate::network;

/// Most times one request is sent, as in the controllers.
const MAX_TRIES: u32 = 3;

/// Whether a status may be better next time.
pub(super) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 499 | 500 | 502 | 503 | 504 | 522)
}

/// The tries of one request.
pub(super) struct Tries {
    sent: u32,
    pause: Duration,
    deadline: Instant,
}

impl Tries {
    pub(super) fn new(pause: Duration, deadline: Instant) -> Self {
        Self {
            sent: 1,
            pause,
            deadline,
        }
    }

    /// How long to wait before the next try; nothing when there is none, because the tries are
    /// spent or the wait would not end before the deadline.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        if self.sent >= MAX_TRIES {
            return None;
        }
        let own = self.pause * 3u32.pow(self.sent - 1);
        let jitter = own.mul_f64(rand::thread_rng().gen_range(0.0..0.5));
        let wait = match asked {
            // Everybody who was refused comes back at the same moment: spread that too.
            Some(asked) => asked + jitter.min(Duration::from_millis(500)),
            None => own / 2 + jitter * 2,
        };
        if Instant::now() + wait >= self.deadline {
            return None;
        }
        self.sent += 1;
        Some(wait)
    }
}

/// The wait that a server asks for.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    network::retry_after(value, Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_sent_three_times_with_growing_pauses() {
        let deadline = Instant::now() + Duration::from_secs(3600);
        let mut tries = Tries::new(Duration::from_secs(1), deadline);
        let first = tries.next(None).unwrap();
        let second = tries.next(None).unwrap();
        assert!((0.5..=1.5).contains(&first.as_secs_f64()), "{first:?}");
        assert!((1.5..=4.5).contains(&second.as_secs_f64()), "{second:?}");
        assert_eq!(tries.next(None), None);
    }

    #[test]
    fn a_wait_beyond_the_deadline_is_not_begun() {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut tries = Tries::new(Duration::from_secs(1), deadline);
        assert_eq!(tries.next(Some(Duration::from_secs(60))), None);
        assert!(tries.next(Some(Duration::from_secs(2))).unwrap() >= Duration::from_secs(2));
    }
}
