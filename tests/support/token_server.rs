//! A token server as `docker-registry` in token mode trusts it: JSON web tokens signed with a key
//! of the test's own.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, DnType, KeyPair, SigningKey as _};
use serde_json::{Value, json};

use super::http::{Answer, HttpServer, Request};
use super::registry_server::{JSON, failure};

pub const SERVICE: &str = "registry.test";
pub const ISSUER: &str = "issuer.test";

/// Who may read what, and how tokens come out.
#[derive(Clone, Debug, Default)]
pub struct TokenRules {
    /// User and password of the one account.
    pub account: (String, String),
    /// A refresh token for `POST`; without one it answers 404.
    pub identity: Option<String>,
    /// Repositories that everybody may read.
    pub public: Vec<String>,
    /// Seconds from now until the token expires; negative for one that is over.
    pub lifetime: i64,
}

pub struct TokenServer {
    http: HttpServer,
    /// Certificate that the registry must trust, PEM.
    pub certificate: String,
}

impl TokenServer {
    pub fn start(rules: TokenRules) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "token issuer");
        let certificate = params.self_signed(&key).expect("a certificate");
        let pem = certificate.pem();
        let issuer = Arc::new(Issuer {
            rules,
            key,
            chain: STANDARD.encode(certificate.der()),
        });
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let http = HttpServer::start(ip, None, move |request| issuer.answer(request));
        Self {
            http,
            certificate: pem,
        }
    }

    /// The realm, by host name: clients refuse private addresses that are not the registry's own.
    pub fn realm(&self) -> String {
        format!("http://localhost:{}/token", self.http.address().port())
    }

    pub fn requests(&self) -> Vec<Request> {
        self.http.requests()
    }
}

struct Issuer {
    rules: TokenRules,
    key: KeyPair,
    chain: String,
}

impl Issuer {
    fn answer(&self, request: &Request) -> Answer {
        let (user, password) = &self.rules.account;
        let (known, scopes, service) = if request.method == "POST" {
            if self.rules.identity.is_none() {
                return Answer::new(404, "text/plain", "404 page not found\n");
            }
            if request.form("refresh_token") != self.rules.identity {
                return failure(401, "UNAUTHORIZED", "unknown refresh token", &Value::Null);
            }
            let scopes = request.form("scope").unwrap_or_default();
            let scopes = scopes.split(' ').map(str::to_owned).collect();
            (true, scopes, request.form("service"))
        } else {
            let pair = STANDARD.encode(format!("{user}:{password}"));
            let given = request.header("authorization");
            if given.is_some_and(|given| given != format!("Basic {pair}")) {
                let text = "incorrect username or password";
                return failure(401, "UNAUTHORIZED", text, &Value::Null);
            }
            (
                given.is_some(),
                request.query_all("scope"),
                request.query("service"),
            )
        };
        let token = self.token(known, &scopes, &service.unwrap_or_default());
        let body = json!({"token": token, "access_token": token, "expires_in": 300});
        Answer::new(200, JSON, body.to_string())
    }

    fn token(&self, known: bool, scopes: &[String], service: &str) -> String {
        let access: Vec<Value> = scopes
            .iter()
            .filter_map(|scope| scope.strip_prefix("repository:")?.rsplit_once(':'))
            .map(|(name, actions)| {
                let allowed = known || self.rules.public.iter().any(|public| public == name);
                let actions: Vec<&str> = actions.split(',').filter(|_| allowed).collect();
                json!({"type": "repository", "name": name, "actions": actions})
            })
            .collect();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(0));
        let lifetime = self.rules.lifetime;
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [self.chain]});
        let claims = json!({
            "iss": ISSUER, "sub": "someone", "aud": service,
            "exp": now + lifetime, "nbf": now.min(now + lifetime) - 10, "iat": now,
            "jti": format!("{now}"), "access": access,
        });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self.key.sign(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(raw(&signature)))
    }
}

/// Turns an ASN.1 ECDSA signature into the two 32-byte numbers that JSON web tokens use.
fn raw(signature: &[u8]) -> Vec<u8> {
    let mut numbers = Vec::new();
    // SEQUENCE, one length byte, then twice INTEGER with one length byte.
    let mut rest = &signature[2..];
    for _ in 0..2 {
        let length = usize::from(rest[1]);
        let number = &rest[2..2 + length];
        let significant = &number[number.iter().take_while(|&&byte| byte == 0).count()..];
        numbers.resize(numbers.len() + 32 - significant.len(), 0);
        numbers.extend_from_slice(significant);
        rest = &rest[2 + length..];
    }
    numbers
}
