//! The port's implementation: lists tags and reads digests.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
};
use reqwest::header::{CONTENT_TYPE, HeaderMap, LINK};
use reqwest::{Method, Url};
use tokio::sync::Semaphore;

use super::endpoint::Endpoints;
use super::keychain::Keychain;
use super::links::{self, LinkError};
use super::login::ANONYMOUS;
use super::refusal::{Refusal, quote};
use super::session::{self, Answer, ExchangeError, Session, Target};
use super::settings::RegistrySettings;
use super::sink::{BodyError, SmallSink, TagSink};
use super::tokens::TokenCache;
use super::transport::Transport;
use super::transport_failure::shown;
use crate::image::Digest;
use crate::ports::{
    Cancellation, Event, Progress, Registry, RegistryError, RegistryFailure, ScanRequest, TagList,
};

/// Images scanned at the same time, over all registries.
const MAX_SCANS: usize = 16;
/// Most pages of one list: 200,000 tags of a registry that gives 100 at once whatever it is asked for.
const MAX_PAGES: usize = 2_000;
/// Most pages in a row without a tag.
const MAX_EMPTY_PAGES: usize = 100;
/// Tags asked for at once, as the controllers ask.
const PAGE: &str = "?n=1000";
/// How often the cancellation flag is looked at.
const CANCELLATION_INTERVAL: Duration = Duration::from_millis(50);

/// The old manifests come last: a registry that can convert should not.
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const SCHEMA_1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const MANIFEST_TYPES: [&str; 6] = [
    IMAGE_MANIFEST_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    SCHEMA_1_SIGNED,
    SCHEMA_1,
];
/// [`MANIFEST_TYPES`], joined.
const MANIFEST_ACCEPT: &str = "application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v1+prettyjws, \
     application/vnd.docker.distribution.manifest.v1+json";

/// What every session of a run shares.
pub(super) struct Shared {
    pub(super) transport: Transport,
    pub(super) endpoints: Endpoints,
    pub(super) tokens: TokenCache,
    pub(super) keychain: Keychain,
    pub(super) retry_pause: Duration,
}

/// Registries over HTTP. Make one per run: connections, tokens and what is known of each registry
/// are kept inside.
pub struct RegistryClient {
    shared: Shared,
    scans: Semaphore,
}

impl RegistryClient {
    /// A client that has not talked to anybody yet.
    pub fn new(settings: RegistrySettings) -> Self {
        Self {
            shared: Shared {
                transport: Transport::new(&settings),
                endpoints: Endpoints::default(),
                tokens: TokenCache::default(),
                retry_pause: settings.retry_pause,
                keychain: Keychain::new(settings),
            },
            scans: Semaphore::new(MAX_SCANS),
        }
    }
}

#[async_trait]
impl Registry for RegistryClient {
    async fn tags(
        &self,
        request: &ScanRequest,
        progress: &dyn Progress,
        cancellation: &Cancellation,
    ) -> Result<TagList, RegistryError> {
        let endpoint = session::endpoint(&self.shared, request);
        // The time of a scan begins when it is its turn.
        let _turn = tokio::select! {
            turn = async { (self.scans.acquire().await, endpoint.permits.acquire().await) } => turn,
            () = cancelled(cancellation) => return Err(interrupted()),
        };
        let session = Session::new(&self.shared, request, &endpoint);
        let outcome = tokio::select! {
            outcome = list(&session, progress) => outcome,
            () = tokio::time::sleep_until(session.deadline) => Err(timeout(&session, request)),
            () = cancelled(cancellation) => Err(interrupted()),
        };
        outcome.map_err(|error| placed(&session, error))
    }

    async fn digest(&self, request: &ScanRequest, tag: &str) -> Result<Digest, RegistryError> {
        let endpoint = session::endpoint(&self.shared, request);
        let _turn = endpoint.permits.acquire().await;
        let session = Session::new(&self.shared, request, &endpoint);
        let outcome = tokio::select! {
            outcome = digest(&session, tag) => outcome,
            () = tokio::time::sleep_until(session.deadline) => Err(timeout(&session, request)),
        };
        outcome.map_err(|error| placed(&session, error))
    }
}

/// A failure that names image and credentials: what its text does not say, its hint does.
fn placed(session: &Session<'_>, mut error: RegistryError) -> RegistryError {
    if error.failure == RegistryFailure::Interrupted {
        return error;
    }
    let image = session.image();
    let mut hints: Vec<String> = error.hint.take().into_iter().collect();
    let says = |hints: &[String], word: &str| {
        error.message.contains(word) || hints.iter().any(|hint| hint.contains(word))
    };
    if !says(&hints, image.registry()) || !says(&hints, image.repository()) {
        hints.push(format!(
            "the image is {}/{}",
            image.registry(),
            image.repository()
        ));
    }
    // A failure of the credentials themselves has said which ones.
    let said = error.failure == RegistryFailure::Credentials;
    if !said && !hints.iter().any(|hint| hint.contains("credentials")) {
        hints.push(format!("credentials used: {}", session.credentials()));
    }
    error.hint = Some(hints.join("; "));
    error
}

async fn cancelled(cancellation: &Cancellation) {
    while !cancellation.is_cancelled() {
        tokio::time::sleep(CANCELLATION_INTERVAL).await;
    }
}

fn interrupted() -> RegistryError {
    RegistryError {
        failure: RegistryFailure::Interrupted,
        message: "interrupted".to_owned(),
        hint: None,
        source: None,
    }
}

fn timeout(session: &Session<'_>, request: &ScanRequest) -> RegistryError {
    let limit = request.timeout.max(Duration::from_secs(1));
    RegistryError {
        failure: RegistryFailure::Timeout,
        message: format!(
            "{}: context deadline exceeded (no complete answer within {limit:?})",
            session.current()
        ),
        hint: Some(format!("credentials used: {}", session.credentials())),
        source: None,
    }
}

/// Follows the pages of a tag list to its end.
async fn list(session: &Session<'_>, progress: &dyn Progress) -> Result<TagList, RegistryError> {
    let path = format!("/v2/{}/tags/list", session.image().repository());
    let asked = format!("{path}{PAGE}");
    session.check(&asked)?;
    let mut sink = TagSink::new();
    let mut target = Target::Path(asked);
    let mut seen = HashSet::new();
    let mut empty = 0;
    let mut limited = true;
    loop {
        let before = sink.len();
        let outcome = session
            .exchange(&Method::GET, &target, "application/json", &mut sink)
            .await;
        let answer = match outcome {
            Ok(answer) => answer,
            // The page size is more than this registry gives: it may choose itself.
            Err(ExchangeError::Refused(refusal)) if limited && is_page_size(&refusal) => {
                limited = false;
                target = Target::Path(path.clone());
                continue;
            }
            Err(error) => return Err(explain(session, error, sink.head())),
        };
        limited = false;
        sink.keep();
        progress.event(Event::ScanProgress {
            image: session.image().to_string(),
            tags: sink.len(),
        });
        empty = if sink.len() == before { empty + 1 } else { 0 };
        let asked = answer.asked.clone();
        let next = match next_page(&asked, &answer.headers) {
            Ok(Some(next)) => next,
            Ok(None) => break,
            Err(words) => return Err(bad_pages(&asked, &words)),
        };
        seen.insert(String::from(asked.clone()));
        if seen.contains(next.as_str()) {
            return Err(bad_pages(&asked, "the pages of the list form a circle"));
        }
        if seen.len() >= MAX_PAGES || empty >= MAX_EMPTY_PAGES {
            let words = format!("the list does not end after {} pages", seen.len());
            return Err(bad_pages(&asked, &words));
        }
        target = Target::Page(next);
    }
    Ok(TagList {
        tags: sink.into_tags(),
        credentials: session.credentials(),
        requests: session.requests(),
    })
}

fn is_page_size(refusal: &Refusal) -> bool {
    refusal.status == 413 || refusal.status == 400 && refusal.has_code("PAGINATION_NUMBER_INVALID")
}

fn next_page(asked: &Url, headers: &HeaderMap) -> Result<Option<Url>, String> {
    let values = headers.get_all(LINK);
    let values = values.iter().filter_map(|value| value.to_str().ok());
    links::next_page(asked, values).map_err(|error| match error {
        LinkError::OtherHost(host) => {
            format!("the next page is said to be on another host ({host})")
        }
        LinkError::Malformed => "the link to the next page is no URL".to_owned(),
    })
}

fn bad_pages(url: &Url, words: &str) -> RegistryError {
    RegistryError {
        failure: RegistryFailure::Protocol,
        message: format!("GET {}: {words}", shown(url)),
        hint: None,
        source: None,
    }
}

/// The failure of an exchange, with what helps to mend it.
fn explain(session: &Session<'_>, error: ExchangeError, head: &[u8]) -> RegistryError {
    match error {
        ExchangeError::Failed(error) => error,
        ExchangeError::Refused(refusal) => {
            let hint = hint(session, &refusal);
            refusal.into_error(Some(hint))
        }
        ExchangeError::Body(asked, error) => {
            let mut message = format!("{asked}: {error}");
            let quoted = quote(head);
            if matches!(error, BodyError::Decode(_)) && !quoted.is_empty() {
                message = format!("{message}: {quoted}");
            }
            RegistryError {
                failure: RegistryFailure::Protocol,
                message,
                hint: Some(format!(
                    "check that {} is a container registry",
                    session.image().registry()
                )),
                source: None,
            }
        }
    }
}

fn hint(session: &Session<'_>, refusal: &Refusal) -> String {
    let credentials = session.credentials();
    let registry = session.image().registry();
    let anonymous = credentials == ANONYMOUS;
    match refusal.status.as_u16() {
        401 | 403 if anonymous => {
            format!("anonymous access was refused and no credentials for {registry} were found")
        }
        _ if refusal.retry_after.is_some() => format!(
            "the registry asks to wait {} s; credentials used: {credentials}",
            refusal.retry_after.unwrap_or_default().as_secs()
        ),
        404 if anonymous => format!(
            "check the name; if the repository is private, no credentials for {registry} were used"
        ),
        404 if !refusal.is_from_a_registry() => {
            format!("check that {registry} is a container registry")
        }
        _ => format!("credentials used: {credentials}"),
    }
}

/// The digest that the registry names for a tag, or the hash of the manifest itself.
async fn digest(session: &Session<'_>, tag: &str) -> Result<Digest, RegistryError> {
    let repository = session.image().repository();
    let path = format!("/v2/{repository}/manifests/{}", segment(tag));
    session.check(&path)?;
    let target = Target::Path(path);
    let mut nothing = SmallSink::keeping();
    let head = session
        .exchange(&Method::HEAD, &target, MANIFEST_ACCEPT, &mut nothing)
        .await;
    match head {
        Ok(answer) => {
            check_type(&Method::HEAD, &answer)?;
            if let Some(digest) = named_digest(&Method::HEAD, &answer)? {
                return Ok(digest);
            }
        }
        // Some proxies do not let HEAD through.
        Err(ExchangeError::Refused(refusal))
            if matches!(refusal.status.as_u16(), 400 | 405 | 501) => {}
        Err(error) => return Err(explain(session, error, &[])),
    }
    let mut sink = SmallSink::hashing();
    let answer = session
        .exchange(&Method::GET, &target, MANIFEST_ACCEPT, &mut sink)
        .await
        .map_err(|error| explain(session, error, &[]))?;
    let media_type = check_type(&Method::GET, &answer)?;
    let own = sink.digest();
    let named = named_digest(&Method::GET, &answer)?;
    // A signed schema 1 manifest is hashed without its signatures: only the registry can say.
    match named {
        Some(named) if media_type.starts_with(SCHEMA_1_SIGNED) => Ok(named),
        Some(named) if named.as_str().starts_with("sha256:") && named.as_str() != own => {
            Err(protocol(
                &Method::GET,
                &answer.asked,
                &format!("the digest is said to be {named} but the manifest hashes to {own}"),
            ))
        }
        Some(named) => Ok(named),
        None => Digest::parse(&own)
            .map_err(|error| protocol(&Method::GET, &answer.asked, &error.to_string())),
    }
}

/// The media type, when it is a manifest's.
fn check_type(method: &Method, answer: &Answer) -> Result<String, RegistryError> {
    let media_type = answer
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    if MANIFEST_TYPES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(bare))
    {
        return Ok(bare.to_owned());
    }
    let words = format!("the answer is not a manifest but {bare:?}");
    Err(protocol(method, &answer.asked, &words))
}

fn named_digest(method: &Method, answer: &Answer) -> Result<Option<Digest>, RegistryError> {
    let Some(value) = answer.headers.get("docker-content-digest") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    Digest::parse(text).map(Some).map_err(|_| {
        let words = format!("the digest {text:?} is malformed");
        protocol(method, &answer.asked, &words)
    })
}

fn protocol(method: &Method, url: &Url, words: &str) -> RegistryError {
    RegistryError {
        failure: RegistryFailure::Protocol,
        message: format!("{method} {}: {words}", shown(url)),
        hint: None,
        source: None,
    }
}

/// A tag as one segment of a path.
fn segment(tag: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(tag.len());
    for byte in tag.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_type_is_accepted() {
        assert_eq!(MANIFEST_TYPES.join(", "), MANIFEST_ACCEPT);
    }

    #[test]
    fn a_tag_stays_one_segment_of_the_path() {
        assert_eq!(segment("v1.0_a-b"), "v1.0_a-b");
        assert_eq!(segment("../x?y"), "..%2Fx%3Fy");
    }
}
