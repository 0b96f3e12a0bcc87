//! What is known of a registry within a run: the scheme it speaks and how it asks for
//! credentials. Learned from the first real answer, so that nothing is asked only to find out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, Semaphore};

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
    scheme: Option<&'static str>,
    challenge: Option<Challenge>,
}

/// The memory of one registry.
pub(super) struct Endpoint {
    known: Mutex<Known>,
    /// Held by the request that finds out, so that others wait instead of asking the same.
    pub(super) first: AsyncMutex<()>,
    pub(super) permits: Semaphore,
}

impl Endpoint {
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
