//! Scans: one for each distinct image and login, however many repositories and policies want it.
//!
//! Source: image-reflector-controller, `imagerepository_controller.go`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};

use super::run::Services;
use super::{login, status};
use crate::api::ImageRepository;
use crate::duration::GoDuration;
use crate::image::ImageName;
use crate::key::NamespacedName;
use crate::model::{Failure, RepositoryOutcome, RepositoryState, Scan};
use crate::policy::{self, Exclusion};
use crate::ports::{Event, Provider, RegistryError, ScanRequest, TagList};

/// Scans under way at once.
const PARALLEL_SCANS: usize = 8;
/// What the controller says about workload identity with its default feature gates.
const FEATURE_GATE: &str = "to use spec.serviceAccountName for provider authentication please \
    enable the ObjectLevelWorkloadIdentity feature gate in the controller";

/// A repository that may be scanned.
pub(super) struct Prepared {
    /// The request.
    pub(super) request: ScanRequest,
    /// Its exclusion list.
    pub(super) exclusion: Result<Exclusion, String>,
}

/// Scans all repositories; the outcomes keep the order.
pub(super) async fn scan_all(
    services: &Services,
    repositories: Vec<ImageRepository>,
    include_suspended: &dyn Fn(&NamespacedName) -> bool,
) -> Vec<RepositoryOutcome> {
    let prepared: Vec<Result<Prepared, RepositoryState>> = stream::iter(&repositories)
        .map(|repository| async move {
            if repository.spec.suspend && !include_suspended(&repository.key()) {
                return Err(RepositoryState::Suspended);
            }
            prepare(services, repository)
                .await
                .map_err(RepositoryState::Failed)
        })
        .buffered(PARALLEL_SCANS)
        .collect()
        .await;
    let mut limits: HashMap<ScanRequest, Duration> = HashMap::new();
    for prepared in prepared.iter().flatten() {
        let limit = limits.entry(unlimited(&prepared.request)).or_default();
        *limit = prepared.request.timeout.max(*limit);
    }
    let answers: HashMap<ScanRequest, Result<Arc<TagList>, Failure>> = stream::iter(limits)
        .map(|(scan, timeout)| async move {
            let request = ScanRequest {
                timeout,
                ..scan.clone()
            };
            (scan, list(services, &request).await)
        })
        .buffer_unordered(PARALLEL_SCANS)
        .collect()
        .await;
    let time = status::rfc3339(services.clock.now());
    repositories
        .into_iter()
        .zip(prepared)
        .map(|(object, prepared)| {
            let state = match prepared {
                Err(state) => state,
                Ok(prepared) => match answers.get(&unlimited(&prepared.request)).cloned() {
                    Some(Ok(list)) => finish(&prepared, &list, &time),
                    Some(Err(failure)) => RepositoryState::Failed(failure),
                    None => RepositoryState::Failed(Failure::new("Failure", "interrupted")),
                },
            };
            RepositoryOutcome { object, state }
        })
        .collect()
}

/// What two repositories must have in common to share a scan: everything but the limit, of which
/// the longest holds.
fn unlimited(request: &ScanRequest) -> ScanRequest {
    ScanRequest {
        timeout: Duration::ZERO,
        ..request.clone()
    }
}

/// Everything that is checked before a registry is asked, in the controller's order.
pub(super) async fn prepare(
    services: &Services,
    repository: &ImageRepository,
) -> Result<Prepared, Failure> {
    let spec = &repository.spec;
    let provider = match spec.provider.as_deref() {
        Some("aws") => Provider::Aws,
        Some("azure") => Provider::Azure,
        Some("gcp") => Provider::Gcp,
        _ => Provider::Generic,
    };
    let service_account = spec
        .service_account_name
        .as_deref()
        .filter(|name| !name.is_empty());
    if provider != Provider::Generic && service_account.is_some() {
        return Err(Failure::stalled("FeatureGateDisabled", FEATURE_GATE));
    }
    let image = ImageName::parse(&spec.image)
        .map_err(|error| Failure::stalled("ImageURLInvalid", error.to_string()))?;
    let login = if services.registry.is_list() {
        login::RegistryLogin::default()
    } else {
        login::for_registry(services.objects.as_ref(), repository, provider)
            .await
            .map_err(|refusal| {
                let prefix = "failed to configure authentication options: ";
                refusal.into_failure("AuthenticationFailed", prefix)
            })?
    };
    Ok(Prepared {
        request: ScanRequest {
            image,
            insecure: spec.insecure,
            credentials: login.credentials,
            provider,
            tls: login.tls,
            proxy: login.proxy,
            timeout: timeout(repository),
        },
        exclusion: Exclusion::new(&spec.exclusion_list).map_err(|error| error.to_string()),
    })
}

/// `spec.timeout`, else the interval, at least one second.
fn timeout(repository: &ImageRepository) -> Duration {
    let text = repository
        .spec
        .timeout
        .as_deref()
        .unwrap_or(&repository.spec.interval);
    let parsed = GoDuration::parse(text)
        .ok()
        .and_then(GoDuration::to_std)
        .unwrap_or_default();
    parsed.max(Duration::from_secs(1))
}

async fn list(services: &Services, request: &ScanRequest) -> Result<Arc<TagList>, Failure> {
    let image = request.image.to_string();
    services.progress.event(Event::ScanStarted {
        image: image.clone(),
    });
    let answer = services
        .registry
        .tags(request, services.progress.as_ref(), &services.cancellation)
        .await;
    services.progress.event(Event::ScanFinished { image });
    answer.map(Arc::new).map_err(|error| scan_failure(&error))
}

/// The controller's message for a failed scan.
fn scan_failure(error: &RegistryError) -> Failure {
    Failure::new(
        "ReadOperationFailed",
        format!("scan failed: {}", error.message),
    )
    .with_hint(error.hint.clone())
}

/// Excludes, sorts and sums up.
fn finish(prepared: &Prepared, list: &TagList, time: &str) -> RepositoryState {
    let exclusion = match &prepared.exclusion {
        Ok(exclusion) => exclusion,
        Err(message) => {
            return RepositoryState::Failed(Failure::new(
                "ReadOperationFailed",
                format!("scan failed: {message}"),
            ));
        }
    };
    let stored = policy::stored_tags(&list.tags, exclusion);
    RepositoryState::Scanned(Scan {
        image: prepared.request.image.clone(),
        listed: list.tags.clone().into(),
        revision: policy::revision(&stored),
        stored: stored.into(),
        exclusion_list: exclusion.patterns().to_vec(),
        credentials: list.credentials.clone(),
        time: time.to_owned(),
    })
}
