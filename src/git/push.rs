//! Pushing the commits made on a snapshot.
//!
//! For: the compare-and-swap on what was fetched, refspecs beside the branch, and telling a failed
//! push from a lost answer.
//! Refuses: to force anything but the one replacement it was asked for.

use std::collections::HashMap;

use gix::ObjectId;

use super::acquire::Remote;
use super::advertisement::Advertisement;
use super::commit::Overlay;
use super::history::History;
use super::limits::Limits;
use super::pack;
use super::receive::{self, Broken, Command, Report, Request};
use crate::ports::{Event, GitError, PushError, PushReport, PushRequest};

const ACTION: &str = "pushing to";

/// What a snapshot knows when it pushes.
pub(super) struct Pushed<'a> {
    pub(super) remote: &'a mut Remote,
    pub(super) overlay: &'a Overlay,
    /// Objects of the overlay that the server has already.
    pub(super) known_objects: usize,
    /// The commit that our commits stand on.
    pub(super) base: ObjectId,
    /// The checkout reference and its commit.
    pub(super) checkout: (Option<String>, ObjectId),
    /// Our commits, oldest first; the last is the one to push.
    pub(super) commits: &'a [ObjectId],
    /// Where references were when they were fetched.
    pub(super) seen: &'a HashMap<String, Option<ObjectId>>,
}

impl Pushed<'_> {
    fn head(&self) -> ObjectId {
        self.commits.last().copied().unwrap_or(self.base)
    }

    /// Pushes.
    pub(super) fn run(&mut self, request: &PushRequest<'_>) -> Result<PushReport, PushError> {
        let url = self.remote.source().display_url();
        request.progress.event(Event::PushStarted {
            url: url.clone(),
            branch: request.branch.to_owned(),
        });
        let result = self.push(request);
        request.progress.event(Event::PushFinished { url });
        result
    }

    fn push(&mut self, request: &PushRequest<'_>) -> Result<PushReport, PushError> {
        let limits = Limits::new(self.remote.timeout(), Some(request.cancellation));
        let site = self.remote.site();
        let branch = format!("refs/heads/{}", request.branch);
        let mut connection = self.remote.connection()?;
        let advertisement = receive::greet(connection.as_mut(), &site, &limits)?;
        let options = push_options(request, &advertisement)?;
        if !advertisement.has("report-status") {
            return Err(PushError::Unsupported(format!(
                "{}: the server does not report whether a push succeeded",
                site.url
            )));
        }
        let commands = self.commands(&branch, request, &advertisement, &limits)?;
        if commands.is_empty() {
            return Ok(PushReport {
                commit: self.head().to_string(),
                ..PushReport::default()
            });
        }
        let objects = self.overlay.objects(self.known_objects);
        let pack = pack::write(&objects, !advertisement.has("no-thin"))
            .map_err(|error| PushError::Git(site.failed(ACTION, error)))?;
        let atomic = commands.len() > 1 && advertisement.has("atomic");
        let sent = receive::send(
            connection.as_mut(),
            &Request {
                commands: &commands,
                options: &options,
                atomic,
                pack: &pack,
            },
            &advertisement,
            &site,
            request.progress,
            &limits,
        );
        drop(connection);
        let report = match sent {
            Ok(report) => self.judge(report, &commands)?,
            Err(Broken::Before(error)) => return Err(PushError::Git(error)),
            Err(Broken::After(error)) => self.look_again(&commands, error)?,
        };
        Ok(PushReport {
            commit: self.head().to_string(),
            updated: commands.into_iter().map(|command| command.name).collect(),
            messages: report.messages,
            pack_bytes: pack.len() as u64,
        })
    }

    /// What to update, each with what it must be at now.
    fn commands(
        &mut self,
        branch: &str,
        request: &PushRequest<'_>,
        advertisement: &Advertisement,
        limits: &Limits,
    ) -> Result<Vec<Command>, PushError> {
        let mut targets = vec![(branch.to_owned(), self.head())];
        for refspec in request.refspecs {
            let (from, to) = split_refspec(refspec)?;
            let new =
                self.source(from, branch, advertisement)
                    .ok_or_else(|| PushError::Rejected {
                        reference: to.to_owned(),
                        reason: format!("nothing to push: {from} is unknown"),
                        messages: Vec::new(),
                    })?;
            if !targets.iter().any(|(name, _)| name == to) {
                targets.push((to.to_owned(), new));
            }
        }
        let mut commands = Vec::new();
        for (name, new) in targets {
            let now = match advertisement.find(&name) {
                Some(reference) => Some(reference.target),
                None => self.hidden(&name)?,
            };
            if name == branch {
                self.check_branch(&name, now, new, request.replace, limits)?;
            } else if let Some(now) = now
                && now != new
            {
                self.check_fast_forward(&name, now, new, limits)?;
            }
            if now != Some(new) {
                let old = now.unwrap_or_else(|| ObjectId::null(gix::hash::Kind::Sha1));
                commands.push(Command { name, old, new });
            }
        }
        Ok(commands)
    }

    /// Where a reference is that was fetched and is not offered for pushing: gone, or hidden, which
    /// is for the server to say.
    fn hidden(&mut self, name: &str) -> Result<Option<ObjectId>, GitError> {
        match self.seen.get(name) {
            Some(Some(_)) => {
                let now = self.read_references(&[name.to_owned()])?;
                Ok(now.into_iter().next().flatten())
            }
            _ => Ok(None),
        }
    }

    /// The commit that the left side of a refspec names.
    fn source(&self, name: &str, branch: &str, advertisement: &Advertisement) -> Option<ObjectId> {
        if name == branch {
            return Some(self.head());
        }
        if self.checkout.0.as_deref() == Some(name) {
            return Some(self.checkout.1);
        }
        advertisement.find(name).map(|reference| reference.target)
    }

    /// Whether the branch may be updated from where it is now.
    fn check_branch(
        &mut self,
        name: &str,
        now: Option<ObjectId>,
        new: ObjectId,
        replace: Option<&str>,
        limits: &Limits,
    ) -> Result<(), PushError> {
        if let Some(expected) = replace {
            return match now {
                Some(now) if !now.to_hex().to_string().eq_ignore_ascii_case(expected) => {
                    Err(moved(name, Some(now)))
                }
                _ => Ok(()),
            };
        }
        if let Some(seen) = self.seen.get(name)
            && *seen != now
        {
            return Err(moved(name, now));
        }
        match now {
            Some(now) if now != new => self.check_fast_forward(name, now, new, limits),
            _ => Ok(()),
        }
    }

    fn check_fast_forward(
        &mut self,
        name: &str,
        now: ObjectId,
        new: ObjectId,
        limits: &Limits,
    ) -> Result<(), PushError> {
        let ours = new == self.head() || self.commits.contains(&new);
        if ours && (now == self.base || self.commits.contains(&now)) {
            return Ok(());
        }
        // Our own commits are not on the server; below them the question is the same for the base.
        let known = if ours { self.base } else { new };
        let history = History::fetch(self.remote, &[now, known], limits)?;
        if history.is_ancestor(now, known) {
            return Ok(());
        }
        Err(PushError::NotFastForward {
            reference: name.to_owned(),
            at: now.to_string(),
            dropped: history.dropped(now, known),
        })
    }

    /// Turns the server's report into success or the reason of the failure.
    fn judge(&mut self, report: Report, commands: &[Command]) -> Result<Report, PushError> {
        let refused = report
            .results
            .iter()
            .find_map(|(name, result)| Some((name.clone(), result.clone().err()?)));
        if let Some((name, reason)) = refused {
            // With atomic, the others only say that they were held back; the cause comes first.
            let cause = report.results.iter().find_map(|(name, result)| {
                let reason = result.clone().err()?;
                (!reason.contains("atomic")).then(|| (name.clone(), reason))
            });
            let (name, reason) = cause.unwrap_or((name, reason));
            let mut reason = if report.unpack == "ok" {
                reason
            } else {
                format!("{reason} (unpack: {})", report.unpack)
            };
            let updated: Vec<&str> = report
                .results
                .iter()
                .filter(|(_, result)| result.is_ok())
                .map(|(name, _)| name.as_str())
                .collect();
            if !updated.is_empty() {
                // Only where the server cannot update all or none.
                reason.push_str(&format!("; {} was updated", updated.join(", ")));
            }
            return Err(self.refused(name, reason, report.messages, commands));
        }
        if report.unpack != "ok" {
            return Err(PushError::Rejected {
                reference: commands[0].name.clone(),
                reason: format!("unpack: {}", report.unpack),
                messages: report.messages,
            });
        }
        let unsaid = commands
            .iter()
            .find(|command| !report.results.iter().any(|(name, _)| *name == command.name));
        if let Some(command) = unsaid {
            return Err(PushError::Rejected {
                reference: command.name.clone(),
                reason: "the server's report does not mention it".to_owned(),
                messages: report.messages,
            });
        }
        Ok(report)
    }

    /// A refused reference: lost to somebody else's push, or refused by rule.
    fn refused(
        &mut self,
        name: String,
        reason: String,
        messages: Vec<String>,
        commands: &[Command],
    ) -> PushError {
        let expected = commands
            .iter()
            .find(|command| command.name == name)
            .map(|command| command.old);
        if let (Some(expected), Ok(now)) =
            (expected, self.read_references(std::slice::from_ref(&name)))
            && let now = now[0]
            && (now.unwrap_or_else(|| ObjectId::null(gix::hash::Kind::Sha1)) != expected
                || is_locked(&messages))
        {
            return moved(&name, now);
        }
        PushError::Rejected {
            reference: name,
            reason,
            messages,
        }
    }

    /// The answer was lost. The references say whether the push arrived.
    fn look_again(&mut self, commands: &[Command], error: GitError) -> Result<Report, PushError> {
        let names: Vec<String> = commands
            .iter()
            .map(|command| command.name.clone())
            .collect();
        let now = self
            .read_references(&names)
            .map_err(|source| PushError::Unknown {
                reference: names[0].clone(),
                source: Box::new(source),
            })?;
        for (command, now) in commands.iter().zip(now) {
            if now == Some(command.new) {
                continue;
            }
            let old = (!command.old.is_null()).then_some(command.old);
            if now == old {
                return Err(PushError::Git(error));
            }
            // Somebody pushed since: perhaps on top of ours.
            let limits = self.remote.limits().uninterruptible();
            let above = now.is_some_and(|now| {
                History::fetch(self.remote, &[now], &limits)
                    .is_ok_and(|history| history.is_ancestor(command.new, now))
            });
            if !above {
                return Err(moved(&command.name, now));
            }
        }
        Ok(Report::default())
    }

    /// Where references are now.
    fn read_references(&mut self, names: &[String]) -> Result<Vec<Option<ObjectId>>, GitError> {
        let limits = self.remote.limits().uninterruptible();
        let references = self.remote.upload(&limits)?.references(names, &limits)?;
        Ok(names
            .iter()
            .map(|name| {
                let found = references.iter().find(|reference| reference.name == *name);
                found.map(|reference| reference.target)
            })
            .collect())
    }
}

/// Whether another push holds the reference's lock at this moment, and will have moved it.
fn is_locked(messages: &[String]) -> bool {
    messages
        .iter()
        .any(|line| line.contains("cannot lock ref") && line.contains(".lock': File exists"))
}

fn moved(name: &str, now: Option<ObjectId>) -> PushError {
    PushError::Moved {
        reference: name.to_owned(),
        now: now.map_or_else(
            || ObjectId::null(gix::hash::Kind::Sha1).to_string(),
            |now| now.to_string(),
        ),
    }
}

/// Both sides of a refspec. What deletes, forces or expands is refused.
fn split_refspec(refspec: &str) -> Result<(&str, &str), PushError> {
    match refspec.split_once(':') {
        Some((from, to))
            if from.starts_with("refs/") && to.starts_with("refs/") && !refspec.contains('*') =>
        {
            Ok((from, to))
        }
        _ => Err(PushError::Unsupported(format!(
            "refspec {refspec:?}: full reference names are needed on both sides, without '+' and '*'"
        ))),
    }
}

/// The options as they are sent.
fn push_options(
    request: &PushRequest<'_>,
    advertisement: &Advertisement,
) -> Result<Vec<String>, PushError> {
    if !request.options.is_empty() && !advertisement.has("push-options") {
        return Err(PushError::Unsupported(
            "the receiving end does not support push options".to_owned(),
        ));
    }
    request
        .options
        .iter()
        .map(|(key, value)| {
            let option = format!("{key}={value}");
            if option.contains(['\n', '\0']) {
                return Err(PushError::Unsupported(format!(
                    "push option {key:?} holds a line break"
                )));
            }
            Ok(option)
        })
        .collect()
}
