//! Answers of the API server in the log of `-v=8`, without what is secret in them.

/// Collects an answer when somebody wants to see it, and logs it once it is whole: a login must not
/// hide behind the border of two parts.
pub(super) struct Body<'p> {
    path: &'p str,
    bytes: Option<Vec<u8>>,
}

impl<'p> Body<'p> {
    pub(super) fn of(path: &'p str) -> Self {
        let bytes = tracing::enabled!(tracing::Level::TRACE).then(Vec::new);
        Self { path, bytes }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        if let Some(collected) = &mut self.bytes {
            collected.extend_from_slice(bytes);
        }
    }
}

impl Drop for Body<'_> {
    fn drop(&mut self) {
        if let Some(bytes) = self.bytes.take().filter(|bytes| !bytes.is_empty()) {
            let body = shown(self.path, &String::from_utf8_lossy(&bytes));
            tracing::trace!(path = self.path, body, "API answer");
        }
    }
}

/// Secrets are not shown at all, and URLs without the login that they may hold.
fn shown(path: &str, text: &str) -> String {
    let resource = path.split('?').next().unwrap_or(path);
    if resource.split('/').any(|part| part == "secrets") || resource.ends_with("/token") {
        return "(not shown: it holds secrets)".to_owned();
    }
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str("://");
        let end = part.find(['/', '"', '\\', ' ', '\n']).unwrap_or(part.len());
        match part[..end].rfind('@') {
            Some(at) => {
                shown.push_str("***");
                shown.push_str(&part[at..]);
            }
            None => shown.push_str(part),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_logins_are_not_shown() {
        let secret = r#"{"data":{"password":"aHVzaA=="}}"#;
        for path in [
            "/api/v1/namespaces/n/secrets/s",
            "/api/v1/secrets?limit=500",
        ] {
            assert_eq!(shown(path, secret), "(not shown: it holds secrets)");
        }
        assert_eq!(
            shown(
                "/apis/x",
                r#"{"url":"https://me:pw@host/x","other":"ssh://git@h"} http://a/b@c"#
            ),
            r#"{"url":"https://***@host/x","other":"ssh://***@h"} http://a/b@c"#
        );
    }
}
