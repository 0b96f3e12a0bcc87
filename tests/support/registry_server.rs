//! A registry inside the test process: it answers as docker-registry 2.8.2 does, pages as real
//! registries do, and misbehaves when a script says so.
//!
//! Content is made up on the fly: every tag is an image whose digest follows from its id alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::http::{Answer, Delivery, HttpServer, Request};

pub const JSON: &str = "application/json; charset=utf-8";
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The images of one or several servers. Clones share the content.
#[derive(Clone, Default)]
pub struct RegistryContent(Arc<Mutex<BTreeMap<String, Vec<Image>>>>);

#[derive(Clone)]
struct Image {
    tag: String,
    id: String,
}

impl RegistryContent {
    /// Content of `repository -> tags`.
    pub fn of(images: &[(&str, &[&str])]) -> Self {
        let content = Self::default();
        for (repository, tags) in images {
            content.push_tags(repository, tags.iter().copied());
        }
        content
    }

    /// Adds tags; the repository exists afterwards even when there are none.
    pub fn push_tags<'a>(&self, repository: &str, tags: impl IntoIterator<Item = &'a str>) {
        let mut images = self.lock();
        let list = images.entry(repository.to_owned()).or_default();
        for tag in tags {
            list.push(Image {
                tag: tag.to_owned(),
                id: format!("{repository}:{tag}"),
            });
        }
    }

    /// Pushes a tag again with other content.
    pub fn retag(&self, repository: &str, tag: &str, id: &str) {
        let mut images = self.lock();
        let list = images.entry(repository.to_owned()).or_default();
        list.retain(|image| image.tag != tag);
        list.push(Image {
            tag: tag.to_owned(),
            id: id.to_owned(),
        });
    }

    pub fn delete_tag(&self, repository: &str, tag: &str) {
        if let Some(list) = self.lock().get_mut(repository) {
            list.retain(|image| image.tag != tag);
        }
    }

    /// Digest of a tag.
    pub fn digest(&self, repository: &str, tag: &str) -> Option<String> {
        self.manifest(repository, tag)
            .map(|manifest| sha256(manifest.as_bytes()))
    }

    fn manifest(&self, repository: &str, reference: &str) -> Option<String> {
        self.lock()
            .get(repository)?
            .iter()
            .map(|image| (&image.tag, manifest(&image.id)))
            .find(|(tag, text)| *tag == reference || sha256(text.as_bytes()) == reference)
            .map(|(_, text)| text)
    }

    fn tags(&self, repository: &str) -> Option<Vec<String>> {
        let images = self.lock();
        let list = images.get(repository)?;
        Some(list.iter().map(|image| image.tag.clone()).collect())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Image>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The manifest of an image, from its id.
pub fn manifest(id: &str) -> String {
    let config = format!(
        r#"{{"architecture":"amd64","config":{{"Labels":{{"id":"{id}"}}}},"os":"linux","rootfs":{{"type":"layers","diff_ids":[]}}}}"#
    );
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"mediaType":"{OCI_CONFIG}","digest":"{}","size":{}}},"layers":[]}}"#,
        sha256(config.as_bytes()),
        config.len()
    )
}

pub fn sha256(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The `Link` that leads to the next page.
#[derive(Clone, Debug)]
pub enum LinkForm {
    /// `/v2/…?last=…&n=…`.
    Relative,
    /// With scheme and host.
    Absolute,
    /// A cursor that is no tag.
    Opaque,
    /// The page itself, for ever.
    Loop,
    /// The same path on another origin, for example `http://127.0.0.3:1`.
    Foreign(String),
    /// Always a next page, each with a cursor of its own and new tags.
    Endless,
}

/// Pages of at most `size` tags, fewer when the client asks for fewer.
#[derive(Clone, Debug)]
pub struct Paging {
    pub size: usize,
    pub link: LinkForm,
}

/// Bearer tokens, handed out by the registry's own `/token`.
#[derive(Clone, Debug, Default)]
pub struct TokenAuth {
    /// Users and passwords.
    pub users: Vec<(String, String)>,
    /// A refresh token that `POST /token` takes; without one it answers 404.
    pub identity: Option<String>,
    /// Repositories that everybody may read.
    pub public: Vec<String>,
    /// Realm in place of the registry's own `/token`.
    pub realm: Option<String>,
}

/// Who may read.
#[derive(Clone, Debug, Default)]
pub enum Access {
    /// Everybody.
    #[default]
    Open,
    Basic {
        user: String,
        password: String,
        realm: String,
    },
    Token(TokenAuth),
}

type Script = dyn Fn(&Request) -> Option<Answer> + Send + Sync;

/// What a server does. Build one, then [`RegistryOptions::start`].
pub struct RegistryOptions {
    content: RegistryContent,
    ip: IpAddr,
    access: Access,
    paging: Option<Paging>,
    tls: Option<Arc<ServerConfig>>,
    script: Option<Box<Script>>,
}

impl RegistryOptions {
    pub fn new(content: &RegistryContent) -> Self {
        Self {
            content: content.clone(),
            ip: Ipv4Addr::LOCALHOST.into(),
            access: Access::Open,
            paging: None,
            tls: None,
            script: None,
        }
    }

    pub fn bind(mut self, ip: IpAddr) -> Self {
        self.ip = ip;
        self
    }

    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Basic access for one user.
    pub fn basic(self, user: &str, password: &str, realm: &str) -> Self {
        self.access(Access::Basic {
            user: user.to_owned(),
            password: password.to_owned(),
            realm: realm.to_owned(),
        })
    }

    pub fn paging(mut self, size: usize, link: LinkForm) -> Self {
        self.paging = Some(Paging { size, link });
        self
    }

    pub fn tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Answers that come before everything else, even before access control.
    pub fn script(
        mut self,
        script: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        self.script = Some(Box::new(script));
        self
    }

    pub fn start(self) -> RegistryServer {
        let listener = TcpListener::bind((self.ip, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let tls = self.tls.clone();
        let registry = Registry {
            scheme: if tls.is_some() { "https" } else { "http" },
            address,
            options: self,
            tokens: Mutex::default(),
            pages: AtomicUsize::new(0),
        };
        let http = HttpServer::serve(listener, tls, move |request| registry.answer(request));
        RegistryServer { http }
    }
}

/// A running registry.
pub struct RegistryServer {
    http: HttpServer,
}

impl RegistryServer {
    /// An open registry over plain http on 127.0.0.1.
    pub fn open(content: &RegistryContent) -> Self {
        RegistryOptions::new(content).start()
    }

    /// `host:port`.
    pub fn host(&self) -> String {
        self.http.address().to_string()
    }

    pub fn http(&self) -> &HttpServer {
        &self.http
    }

    /// `METHOD target` of every request.
    pub fn log(&self) -> Vec<String> {
        self.http
            .requests()
            .iter()
            .map(|request| format!("{} {}", request.method, request.target))
            .collect()
    }
}

struct Registry {
    scheme: &'static str,
    address: SocketAddr,
    options: RegistryOptions,
    /// Token -> scopes it grants.
    tokens: Mutex<BTreeMap<String, Vec<String>>>,
    pages: AtomicUsize,
}

impl Registry {
    fn answer(&self, request: &Request) -> Answer {
        let scripted = self.options.script.as_ref();
        if let Some(answer) = scripted.and_then(|script| script(request)) {
            return answer;
        }
        if request.path() == "/token" {
            return self.token(request);
        }
        let Some(rest) = request.path().strip_prefix("/v2/") else {
            return Answer::new(404, "text/plain; charset=utf-8", "404 page not found\n");
        };
        let repository = rest
            .strip_suffix("/tags/list")
            .or_else(|| rest.split_once("/manifests/").map(|(name, _)| name));
        if let Err(refusal) = self.admit(request, repository) {
            return refusal;
        }
        let answer = match rest {
            "" => Answer::new(200, JSON, "{}"),
            _ => match rest.split_once("/manifests/") {
                Some((name, reference)) => self.manifest(request, name, reference),
                None => match rest.strip_suffix("/tags/list") {
                    Some(_) if request.method != "GET" => {
                        Answer::new(405, "text/plain; charset=utf-8", "").header("Allow", "GET")
                    }
                    Some(name) => self.list(request, name),
                    None => Answer::new(404, "text/plain; charset=utf-8", "404 page not found\n"),
                },
            },
        };
        answer.header("Docker-Distribution-Api-Version", "registry/2.0")
    }

    fn admit(&self, request: &Request, repository: Option<&str>) -> Result<(), Answer> {
        let given = request.header("authorization").unwrap_or_default();
        let challenge = match &self.options.access {
            Access::Open => return Ok(()),
            Access::Basic {
                user,
                password,
                realm,
            } => {
                let pair = STANDARD.encode(format!("{user}:{password}"));
                if given == format!("Basic {pair}") {
                    return Ok(());
                }
                format!("Basic realm={realm:?}")
            }
            Access::Token(auth) => {
                let needed = repository.map(|name| format!("repository:{name}:pull"));
                let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
                let granted = given.strip_prefix("Bearer ").and_then(|t| tokens.get(t));
                match (&granted, &needed) {
                    (Some(scopes), Some(scope)) if scopes.contains(scope) => return Ok(()),
                    (Some(_), None) => return Ok(()),
                    _ => {}
                }
                let own = format!("{}://{}/token", self.scheme, self.address);
                let realm = auth.realm.clone().unwrap_or(own);
                let mut text = format!(r#"Bearer realm="{realm}",service="registry.test""#);
                if let Some(scope) = needed {
                    text += &format!(r#",scope="{scope}""#);
                }
                match granted {
                    Some(_) => text += r#",error="insufficient_scope""#,
                    None if !given.is_empty() => text += r#",error="invalid_token""#,
                    None => {}
                }
                text
            }
        };
        let detail = match repository {
            Some(name) => {
                json!([{"Type": "repository", "Class": "", "Name": name, "Action": "pull"}])
            }
            None => Value::Null,
        };
        Err(
            failure(401, "UNAUTHORIZED", "authentication required", &detail)
                .header("WWW-Authenticate", challenge)
                .header("Docker-Distribution-Api-Version", "registry/2.0"),
        )
    }

    fn token(&self, request: &Request) -> Answer {
        let Access::Token(auth) = &self.options.access else {
            return Answer::new(404, "text/plain", "404 page not found\n");
        };
        let scopes = if request.method == "POST" {
            let Some(identity) = &auth.identity else {
                return Answer::new(404, "text/plain", "404 page not found\n");
            };
            if request.form("refresh_token").as_ref() != Some(identity) {
                return failure(401, "UNAUTHORIZED", "unknown refresh token", &Value::Null);
            }
            let scope = request.form("scope").unwrap_or_default();
            scope.split(' ').map(str::to_owned).collect()
        } else {
            let known = auth.users.iter().any(|(user, password)| {
                let pair = STANDARD.encode(format!("{user}:{password}"));
                request.header("authorization") == Some(&format!("Basic {pair}"))
            });
            if request.header("authorization").is_some() && !known {
                let text = "incorrect username or password";
                return failure(401, "UNAUTHORIZED", text, &Value::Null);
            }
            let mut scopes = request.query_all("scope");
            // An anonymous client gets a token that grants what is public, perhaps nothing.
            scopes.retain(|scope| known || auth.public.iter().any(|name| scope.contains(name)));
            scopes
        };
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let token = format!("token-{}", tokens.len() + 1);
        tokens.insert(token.clone(), scopes);
        let body = json!({"token": token, "access_token": token, "expires_in": 300});
        Answer::new(200, JSON, body.to_string())
    }

    fn list(&self, request: &Request, repository: &str) -> Answer {
        let Some(tags) = self.options.content.tags(repository) else {
            let text = "repository name not known to registry";
            return failure(404, "NAME_UNKNOWN", text, &json!({"name": repository}));
        };
        let body = |tags: &[String]| {
            let tags = if tags.is_empty() {
                Value::Null
            } else {
                json!(tags)
            };
            json!({"name": repository, "tags": tags}).to_string()
        };
        let Some(paging) = &self.options.paging else {
            return Answer::new(200, JSON, body(&tags)).delivered(Delivery::Chunked);
        };
        let wanted = request.query("n").and_then(|n| n.parse().ok());
        let size = paging.size.min(wanted.unwrap_or(paging.size)).max(1);
        if let LinkForm::Endless = paging.link {
            let page = self.pages.fetch_add(1, Ordering::SeqCst);
            let tags: Vec<String> = (0..size).map(|i| format!("{page}-{i}")).collect();
            let link = format!("</v2/{repository}/tags/list?cursor={page}>; rel=\"next\"");
            return Answer::new(200, JSON, body(&tags)).header("Link", link);
        }
        let after = match (request.query("cursor"), request.query("last")) {
            (Some(cursor), _) => cursor.trim_start_matches("page~").parse().unwrap_or(0),
            (None, Some(last)) => tags.iter().position(|t| *t == last).map_or(0, |i| i + 1),
            (None, None) => 0,
        };
        let end = (after + size).min(tags.len());
        let answer = Answer::new(200, JSON, body(&tags[after.min(end)..end]));
        if end == tags.len() {
            return answer;
        }
        let last = tags[end - 1].replace('+', "%2B");
        let next = format!("/v2/{repository}/tags/list?last={last}&n={size}");
        let target = match &paging.link {
            LinkForm::Absolute => format!("{}://{}{next}", self.scheme, self.address),
            LinkForm::Opaque => format!("/v2/{repository}/tags/list?cursor=page~{end}"),
            LinkForm::Loop => request.target.clone(),
            LinkForm::Foreign(origin) => format!("{origin}{next}"),
            LinkForm::Relative | LinkForm::Endless => next,
        };
        answer.header("Link", format!("<{target}>; rel=\"next\""))
    }

    fn manifest(&self, request: &Request, repository: &str, reference: &str) -> Answer {
        let accepted = request
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("accept"))
            .any(|(_, value)| value.contains(OCI_MANIFEST));
        let Some(text) = self.options.content.manifest(repository, reference) else {
            return failure(
                404,
                "MANIFEST_UNKNOWN",
                "manifest unknown",
                &json!({"Tag": reference}),
            );
        };
        if !accepted {
            let text = "OCI manifest found, but accept header does not support OCI manifests";
            return failure(404, "MANIFEST_UNKNOWN", text, &Value::Null);
        }
        let digest = sha256(text.as_bytes());
        Answer::new(200, OCI_MANIFEST, text)
            .header("Docker-Content-Digest", digest.clone())
            .header("Etag", format!("{digest:?}"))
    }
}

/// An error answer in the registries' form.
pub fn failure(status: u16, code: &str, message: &str, detail: &Value) -> Answer {
    let body = json!({"errors": [{"code": code, "message": message, "detail": detail}]});
    Answer::new(status, JSON, body.to_string())
}
