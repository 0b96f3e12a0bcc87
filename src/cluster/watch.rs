//! Following changes.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use super::failure::{Status, configuration};
use super::resource::selection;
use super::session::{Request, Session};
use crate::ports::{ChangeVisitor, ObjectChange, ObjectScope, ObjectsError};

/// Pause before a watch is taken up again that ended at once, so that a server which ends every
/// watch is not asked without pause.
const PAUSE: Duration = Duration::from_secs(1);

/// Watches a collection until `visit` has enough.
pub(super) async fn watch(
    session: &Session,
    collection: &str,
    scope: &ObjectScope,
    from: &str,
    visit: &mut ChangeVisitor<'_>,
) -> Result<(), ObjectsError> {
    let mut position = Position {
        resource_version: from.to_owned(),
        ..Position::default()
    };
    loop {
        let begin = Instant::now();
        let query = selection(
            scope,
            &[
                ("watch", "true"),
                ("allowWatchBookmarks", "true"),
                ("resourceVersion", &position.resource_version),
            ],
        );
        let request = Request {
            endless: true,
            ..Request::get(format!("{collection}{query}"))
        };
        let mut lines = Lines::default();
        let reply = session
            .exchange(&request, &mut |bytes| {
                lines.push(bytes, &mut |line| position.take(line, visit))
            })
            .await;
        match reply {
            Ok(reply) if !reply.is_good() => {
                let status = Status::read(reply.status, &reply.refusal);
                if !status.is_expired() || position.resource_version.is_empty() {
                    return Err(status.into_error());
                }
                position.resource_version.clear();
            }
            // A stream that breaks off is taken up again like one that ends; when the server is
            // gone, the next request says so.
            Err(error) if position.events == 0 => return Err(error),
            Ok(_) | Err(_) => {}
        }
        match position.outcome.take() {
            Some(Outcome::Enough) => return Ok(()),
            Some(Outcome::Failed(error)) => return Err(error),
            Some(Outcome::Expired) => position.resource_version.clear(),
            None => {}
        }
        position.events = 0;
        if begin.elapsed() < PAUSE {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// How far a watch came.
#[derive(Default)]
struct Position {
    resource_version: String,
    events: usize,
    outcome: Option<Outcome>,
}

enum Outcome {
    Enough,
    Expired,
    Failed(ObjectsError),
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    object: Value,
}

impl Position {
    fn take(&mut self, line: &[u8], visit: &mut ChangeVisitor<'_>) -> ControlFlow<()> {
        let event: Event = match serde_json::from_slice(line) {
            Ok(event) => event,
            Err(error) => {
                return self.end(Outcome::Failed(configuration(format!(
                    "unable to decode an event from the watch stream: {error}"
                ))));
            }
        };
        self.events += 1;
        if event.kind == "ERROR" {
            let text = event.object.to_string();
            let code = event.object["code"]
                .as_u64()
                .and_then(|code| u16::try_from(code).ok())
                .unwrap_or(500);
            let status = Status::read(code, text.as_bytes());
            return self.end(if status.is_expired() {
                Outcome::Expired
            } else {
                Outcome::Failed(status.into_error())
            });
        }
        if let Some(version) = event.object["metadata"]["resourceVersion"].as_str() {
            version.clone_into(&mut self.resource_version);
        }
        let change = match event.kind.as_str() {
            "ADDED" => ObjectChange::Added(event.object),
            "MODIFIED" => ObjectChange::Modified(event.object),
            "DELETED" => ObjectChange::Deleted(event.object),
            // Bookmarks only move the position.
            _ => return ControlFlow::Continue(()),
        };
        if visit(change).is_break() {
            return self.end(Outcome::Enough);
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, outcome: Outcome) -> ControlFlow<()> {
        self.outcome = Some(outcome);
        ControlFlow::Break(())
    }
}

/// Lines of a stream, whatever its pieces.
#[derive(Default)]
struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    fn push(
        &mut self,
        bytes: &[u8],
        visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.pending.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.pending);
            if !line.is_empty() {
                visit(&line)?;
            }
        }
        self.pending.extend_from_slice(rest);
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_whatever_the_pieces() {
        for size in 1..12 {
            let mut found = Vec::new();
            let mut lines = Lines::default();
            for piece in b"one\n\ntwo\nthree".chunks(size) {
                let flow = lines.push(piece, &mut |line| {
                    found.push(String::from_utf8_lossy(line).into_owned());
                    ControlFlow::Continue(())
                });
                assert!(flow.is_continue());
            }
            assert_eq!(found, ["one", "two"]);
        }
    }
}
