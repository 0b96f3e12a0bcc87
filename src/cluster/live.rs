//! Objects in a cluster, through its API server.
//!
//! For: the requests behind [`Objects`] and [`Cluster`]: versions found out by asking, lists in
//! pages, answers as kubectl words them.
//! Refuses: to decide anything about an object, and to contact anybody before it is asked to.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::failure::{ListMetadata, Status, not_json};
use super::items::Splitter;
use super::kubeconfig::{KubeconfigNames, context_namespace, kubeconfig_names};
use super::resource::{collection, object, selection, writing};
use super::session::{Request, Session};
use super::settings::ConnectionSettings;
use super::watch::watch;
use crate::api::Kind;
use crate::key::NamespacedName;
use crate::ports::{
    ChangeVisitor, Cluster, ObjectScope, Objects, ObjectsError, PatchKind, TextVisitor,
    WriteOptions,
};

/// Objects of one page of a list; what kubectl asks for.
const PAGE: &str = "500";
const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";
/// A field that the server's version does not have is an error, not a silent loss.
const STRICT: &[(&str, &str)] = &[("fieldValidation", "Strict")];
/// Older versions have fewer fields in `status`; what they lack is dropped without a warning.
const PRUNED: &[(&str, &str)] = &[("fieldValidation", "Ignore")];

/// The cluster that the settings lead to. It belongs to the runtime on which it is first used.
pub struct LiveCluster {
    session: Session,
    /// The version in which the server answered for a kind.
    versions: Mutex<HashMap<Kind, &'static str>>,
}

impl LiveCluster {
    /// Prepares a cluster; nothing is read or contacted yet.
    pub fn new(settings: ConnectionSettings) -> Self {
        Self {
            session: Session::new(settings),
            versions: Mutex::new(HashMap::new()),
        }
    }

    /// The namespace that the context names; reads the kubeconfig and contacts nobody.
    pub fn context_namespace(&self) -> Result<Option<String>, ObjectsError> {
        context_namespace(self.session.settings())
    }

    /// The names that the kubeconfig defines; contacts nobody.
    pub fn kubeconfig_names(&self) -> Result<KubeconfigNames, ObjectsError> {
        kubeconfig_names(self.session.settings())
    }

    /// The warnings that the API server sent since the last call, each once and not yet sanitised.
    pub fn take_warnings(&self) -> Vec<String> {
        self.session.take_warnings()
    }

    fn known_version(&self, kind: Kind) -> Option<&'static str> {
        if let [only] = kind.versions() {
            return Some(only);
        }
        self.versions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&kind)
            .copied()
    }

    fn remember_version(&self, kind: Kind, version: &'static str) {
        self.versions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(kind, version);
    }

    fn candidates(&self, kind: Kind) -> Vec<&'static str> {
        match self.known_version(kind) {
            Some(version) => vec![version],
            None => kind.versions().to_vec(),
        }
    }

    /// Sends a request in the first version in which the server knows the kind. There is no separate
    /// discovery: in a cluster of today the first try is right and nothing else is asked.
    async fn ask(
        &self,
        kind: Kind,
        request: impl Fn(&'static str) -> Result<Request, ObjectsError>,
    ) -> Result<Result<Vec<u8>, Status>, ObjectsError> {
        for version in self.candidates(kind) {
            let (status, body) = self.session.ask(&request(version)?).await?;
            if (200..300).contains(&status) {
                self.remember_version(kind, version);
                return Ok(Ok(body));
            }
            let status = Status::read(status, &body);
            if status.is_unknown_resource() {
                continue;
            }
            if status.is_missing_object() {
                self.remember_version(kind, version);
            }
            return Ok(Err(status));
        }
        Err(ObjectsError::NoKind(kind.plural()))
    }

    async fn write(
        &self,
        kind: Kind,
        request: impl Fn(&'static str) -> Result<Request, ObjectsError>,
    ) -> Result<Value, ObjectsError> {
        match self.ask(kind, request).await? {
            Ok(body) => parse(kind, &body),
            Err(status) => Err(status.into_error()),
        }
    }

    /// One page, its items handed over while it arrives.
    async fn page(
        &self,
        kind: Kind,
        version: &'static str,
        scope: &ObjectScope,
        next: &str,
        visit: &mut TextVisitor<'_>,
    ) -> Result<Page, ObjectsError> {
        let path = collection(kind, version, scope.namespace.as_deref())?
            + &selection(scope, &[("limit", PAGE), ("continue", next)]);
        let mut splitter = Splitter::default();
        let reply = self
            .session
            .exchange(&Request::get(path), &mut |bytes| {
                splitter.push(bytes, visit);
                ControlFlow::Continue(())
            })
            .await?;
        if !reply.is_good() {
            return Ok(Page::Refused(Status::read(reply.status, &reply.refusal)));
        }
        let envelope: Envelope = serde_json::from_slice(&splitter.into_envelope())
            .map_err(|error| not_json(kind.plural(), &error))?;
        Ok(Page::Good(envelope.metadata))
    }

    /// All pages in one version; `None` when the server does not know it.
    async fn pages(
        &self,
        kind: Kind,
        version: &'static str,
        scope: &ObjectScope,
        visit: &mut TextVisitor<'_>,
    ) -> Result<Option<String>, ObjectsError> {
        let mut visitor = Visitor {
            visit,
            last: Vec::new(),
            seen: None,
        };
        let mut next = String::new();
        loop {
            let page = self
                .page(kind, version, scope, &next, &mut |item| visitor.take(item))
                .await?;
            match page {
                Page::Good(metadata) if metadata.next.is_empty() => {
                    self.remember_version(kind, version);
                    return Ok(Some(metadata.resource_version));
                }
                Page::Good(metadata) => next = metadata.next,
                // The list grew too old between two pages. The server offers to go on behind the
                // last object, as of now; without such an offer the list begins anew and objects
                // that were handed over are passed by.
                Page::Refused(status) if status.is_expired() && !next.is_empty() => {
                    next = status.metadata.next;
                    if next.is_empty() {
                        visitor.begin_anew();
                    }
                }
                Page::Refused(status) if status.is_unknown_resource() => return Ok(None),
                Page::Refused(status) => return Err(status.into_error()),
            }
        }
    }
}

enum Page {
    Good(ListMetadata),
    Refused(Status),
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    metadata: ListMetadata,
}

/// Hands over the items of a list, each once although the list may begin anew.
struct Visitor<'a> {
    visit: &'a mut TextVisitor<'a>,
    /// Text of the last item.
    last: Vec<u8>,
    /// Key of the last item before the list began anew.
    seen: Option<String>,
}

impl Visitor<'_> {
    fn take(&mut self, item: &[u8]) {
        if self.seen.is_some() && key(item) <= self.seen {
            return;
        }
        self.seen = None;
        self.last.clear();
        self.last.extend_from_slice(item);
        (self.visit)(item);
    }

    fn begin_anew(&mut self) {
        self.seen = key(&self.last);
    }
}

/// `namespace/name`, by which the API server orders lists.
fn key(item: &[u8]) -> Option<String> {
    let item: Keyed = serde_json::from_slice(item).ok()?;
    Some(format!(
        "{}/{}",
        item.metadata.namespace, item.metadata.name
    ))
}

#[derive(Deserialize)]
struct Keyed {
    metadata: KeyedMetadata,
}

#[derive(Deserialize)]
struct KeyedMetadata {
    #[serde(default)]
    namespace: String,
    name: String,
}

fn parse(kind: Kind, body: &[u8]) -> Result<Value, ObjectsError> {
    serde_json::from_slice(body).map_err(|error| not_json(kind.name(), &error))
}

fn body(kind: Kind, version: &str, object: &Value) -> Vec<u8> {
    let mut object = object.clone();
    // The versions differ by fields that they lack, nothing else, so the object is sent in the one
    // that the server has; fields it does not know there are refused by name.
    object["apiVersion"] = Value::from(api_version(kind, version));
    object.to_string().into_bytes()
}

fn api_version(kind: Kind, version: &str) -> String {
    match kind.group() {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    }
}

#[async_trait]
impl Objects for LiveCluster {
    async fn get(&self, kind: Kind, key: &NamespacedName) -> Result<Option<Value>, ObjectsError> {
        let answer = self
            .ask(kind, |version| {
                Ok(Request::get(object(kind, version, key)?))
            })
            .await?;
        match answer {
            Ok(body) => parse(kind, &body).map(Some),
            Err(status) if status.is_missing_object() => Ok(None),
            Err(status) => Err(status.into_error()),
        }
    }

    async fn list(&self, kind: Kind, scope: &ObjectScope) -> Result<Vec<Value>, ObjectsError> {
        let mut objects = Vec::new();
        let mut unreadable = None;
        self.list_each(kind, scope, &mut |item| match parse(kind, item) {
            Ok(object) => objects.push(object),
            Err(error) => unreadable = Some(error),
        })
        .await?;
        match unreadable {
            Some(error) => Err(error),
            None => Ok(objects),
        }
    }

    async fn list_each(
        &self,
        kind: Kind,
        scope: &ObjectScope,
        visit: &mut TextVisitor<'_>,
    ) -> Result<String, ObjectsError> {
        for version in self.candidates(kind) {
            if let Some(resource_version) = self.pages(kind, version, scope, visit).await? {
                return Ok(resource_version);
            }
        }
        Err(ObjectsError::NoKind(kind.plural()))
    }
}

#[async_trait]
impl Cluster for LiveCluster {
    async fn version(&self, kind: Kind) -> Result<&'static str, ObjectsError> {
        if let Some(version) = self.known_version(kind) {
            return Ok(version);
        }
        for version in kind.versions() {
            let path = format!("/apis/{}", api_version(kind, version));
            let (status, body) = self.session.ask(&Request::get(path)).await?;
            if status == 200 {
                let served: ServedResources = serde_json::from_slice(&body)
                    .map_err(|error| not_json(kind.plural(), &error))?;
                if served
                    .resources
                    .iter()
                    .any(|served| served.name == kind.plural())
                {
                    self.remember_version(kind, version);
                    return Ok(version);
                }
            } else {
                let status = Status::read(status, &body);
                if !status.is_unknown_resource() {
                    return Err(status.into_error());
                }
            }
        }
        Err(ObjectsError::NoKind(kind.plural()))
    }

    async fn watch(
        &self,
        kind: Kind,
        scope: &ObjectScope,
        from: &str,
        visit: &mut ChangeVisitor<'_>,
    ) -> Result<(), ObjectsError> {
        let version = self.version(kind).await?;
        let path = collection(kind, version, scope.namespace.as_deref())?;
        watch(&self.session, &path, scope, from, visit).await
    }

    async fn create(
        &self,
        kind: Kind,
        object: &Value,
        options: &WriteOptions,
    ) -> Result<Value, ObjectsError> {
        let namespace = object["metadata"]["namespace"].as_str();
        self.write(kind, |version| {
            let path = collection(kind, version, namespace)? + &writing(options, STRICT);
            Ok(Request::with_body(
                Method::POST,
                path,
                JSON,
                body(kind, version, object),
            ))
        })
        .await
    }

    async fn replace(
        &self,
        kind: Kind,
        object: &Value,
        options: &WriteOptions,
    ) -> Result<Value, ObjectsError> {
        let part = |name| object["metadata"][name].as_str().unwrap_or_default();
        let key = NamespacedName::new(part("namespace"), part("name"));
        self.write(kind, |version| {
            let path = self::object(kind, version, &key)? + &writing(options, STRICT);
            Ok(Request::with_body(
                Method::PUT,
                path,
                JSON,
                body(kind, version, object),
            ))
        })
        .await
    }

    async fn patch(
        &self,
        kind: Kind,
        key: &NamespacedName,
        content: &Value,
        patch_kind: PatchKind,
        options: &WriteOptions,
    ) -> Result<Value, ObjectsError> {
        let (subresource, further) = match patch_kind {
            PatchKind::Merge => ("", [].as_slice()),
            PatchKind::Status => ("/status", PRUNED),
        };
        self.write(kind, |version| {
            let path = object(kind, version, key)? + subresource + &writing(options, further);
            Ok(Request::with_body(
                Method::PATCH,
                path,
                MERGE_PATCH,
                content.to_string().into_bytes(),
            ))
        })
        .await
    }

    async fn delete(
        &self,
        kind: Kind,
        key: &NamespacedName,
        options: &WriteOptions,
    ) -> Result<(), ObjectsError> {
        let answer = self
            .ask(kind, |version| {
                let path = object(kind, version, key)? + &writing(options, &[]);
                Ok(Request {
                    method: Method::DELETE,
                    ..Request::get(path)
                })
            })
            .await?;
        answer.map(|_| ()).map_err(Status::into_error)
    }
}

/// Resources of one group and version.
#[derive(Deserialize)]
struct ServedResources {
    resources: Vec<ServedResource>,
}

#[derive(Deserialize)]
struct ServedResource {
    name: String,
}
