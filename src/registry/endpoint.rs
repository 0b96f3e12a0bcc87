//! What is known of a registry within a run: the scheme it speaks and how it asks for
//! credentials. Learned from the first real answer, so that nothing is asked only to find out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Version;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, Semaphore};
use tokio::time::Instant;

use super::challenge::Challenge;
use super::transport::Route;

/// Requests at the same time to one registry.
const PER_REGISTRY: usize = 4;

/// A registry as one group of objects may reach it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct EndpointKey {
    pub(super) registry: String,
    /// Whether plain http is allowed: an object that does not allow it must not profit from
    /// another one that does.
    pub(super) plain: bool,
    pub(super) route: Route,
}

#[derive(Clone, Debug, Default)]
struct Known {
    /// Whether a first request ended, well or badly.
    contacted: bool,
    scheme: Option<&'static str>,
    challenge: Option<Challenge>,
    /// When the last answer over HTTP/1.1 was read to its end.
    released: Option<Instant>,
}

/// How long a connection may take to become free for the next request after an answer was read.
const RELEASE: Duration = Duration::from_millis(1);

/// The memory of one registry.
pub(super) struct Endpoint {
    known: Mutex<Known>,
    first: AsyncMutex<()>,
    /// Conversations under way.
    pub(super) permits: Semaphore,
}

impl Endpoint {
    /// Waits for the request that finds out about the registry, or becomes that request until the
    /// value is dropped. After a first contact that failed everybody goes ahead: waiting for each
    /// other would add up.
    pub(super) async fn first_contact(&self) -> Option<FirstContact<'_>> {
        if self.lock().contacted {
            return None;
        }
        let guard = self.first.lock().await;
        if self.lock().contacted {
            return None;
        }
        Some(FirstContact {
            endpoint: self,
            _guard: guard,
        })
    }

    /// Remembers that an answer was read to its end.
    pub(super) fn release(&self, version: Version) {
        if version < Version::HTTP_2 {
            self.lock().released = Some(Instant::now());
        }
    }

    /// Waits until the connection of the last answer is free again. It goes back to its pool in
    /// the background, and a request that comes too early opens another one, which costs far more
    /// than this moment.
    pub(super) async fn released(&self) {
        let released = self.lock().released;
        if let Some(released) = released {
            tokio::time::sleep_until(released + RELEASE).await;
        }
    }

    pub(super) fn scheme(&self) -> Option<&'static str> {
        self.lock().scheme
    }

    pub(super) fn challenge(&self) -> Option<Challenge> {
        self.lock().challenge.clone()
    }

    pub(super) fn set_scheme(&self, scheme: &'static str) {
        self.lock().scheme = Some(scheme);
    }

    pub(super) fn set_challenge(&self, challenge: &Challenge) {
        self.lock().challenge = Some(challenge.clone());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by the first request to a registry until it is answered or has failed.
pub(super) struct FirstContact<'a> {
    endpoint: &'a Endpoint,
    _guard: AsyncMutexGuard<'a, ()>,
}

impl Drop for FirstContact<'_> {
    fn drop(&mut self) {
        self.endpoint.lock().contacted = true;
    }
}

/// Every registry of a run.
#[derive(Default)]
pub(super) struct Endpoints(Mutex<HashMap<EndpointKey, Arc<Endpoint>>>);

impl Endpoints {
    pub(super) fn get(&self, key: EndpointKey) -> Arc<Endpoint> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let endpoint = all.entry(key).or_insert_with(|| {
            Arc::new(Endpoint {
                known: Mutex::default(),
                first: AsyncMutex::new(()),
                permits: Semaphore::new(PER_REGISTRY),
            })
        });
        Arc::clone(endpoint)
    }
}
