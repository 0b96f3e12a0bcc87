//! From what is to be checked out to a commit.
//!
//! For: asking the server for exactly the references that matter.
//! Refuses: to fetch objects, but for the dates of tags that are equal otherwise.

use gix::ObjectId;

use super::acquire::Remote;
use super::advertisement::Reference;
use super::limits::Limits;
use crate::ports::{CheckoutReference, FetchRequest, GitError, Revision};

/// What a request resolved to.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    /// The commit that the checkout reference names.
    pub(super) checkout: (Revision, ObjectId),
    /// The commit to build on: the push branch's, where that exists.
    pub(super) base: (Revision, ObjectId),
    /// References that were asked for by name, and where they are; `None` for absent ones.
    pub(super) seen: Vec<(String, Option<ObjectId>)>,
}

/// Chooses the tag for a range: given tags with what they lead to.
pub(super) type TagChooser<'a> =
    dyn FnMut(&mut Remote, &[Reference]) -> Result<Option<String>, GitError> + 'a;

fn branch_name(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// The full name that a checkout reference stands for, when it stands for one.
fn full_name(checkout: &CheckoutReference) -> Option<String> {
    match checkout {
        CheckoutReference::Branch(branch) => Some(branch_name(branch)),
        CheckoutReference::Tag(tag) => Some(format!("refs/tags/{tag}")),
        CheckoutReference::Name(name) => Some(name.strip_suffix("^{}").unwrap_or(name).to_owned()),
        CheckoutReference::Commit { branch, .. } => branch.as_deref().map(branch_name),
        CheckoutReference::Semver(_) => None,
    }
}

/// Resolves a request.
pub(super) fn resolve(
    request: &FetchRequest<'_>,
    remote: &mut Remote,
    choose: &mut TagChooser<'_>,
    limits: &Limits,
) -> Result<Resolved, GitError> {
    let name = full_name(request.checkout);
    check_name(name.as_deref(), remote)?;
    let push = request
        .push_branch
        .map(branch_name)
        .filter(|push| name.as_ref() != Some(push));
    let mut asked: Vec<String> = name.iter().chain(&push).cloned().collect();
    let ranged = matches!(request.checkout, CheckoutReference::Semver(_));
    if ranged {
        asked.push("refs/tags/".to_owned());
    }
    // Without names to ask for, greeting the server still proves the login.
    let upload = remote.upload(limits)?;
    let references = if asked.is_empty() {
        Vec::new()
    } else {
        upload.references(&asked, limits)?
    };
    let find = |name: &str| find(&references, name);
    let checkout = check_out(
        request,
        name.as_deref(),
        &references,
        remote,
        choose,
        limits,
    )?;
    let seen: Vec<_> = name
        .iter()
        .chain(&push)
        .map(|name| (name.clone(), find(name)))
        .collect();
    let revision = |(reference, commit): (Option<String>, ObjectId)| {
        let revision = Revision {
            reference,
            commit: commit.to_string(),
        };
        (revision, commit)
    };
    let continued = push.and_then(|push| Some((find(&push)?, push)));
    let base = match continued {
        Some((commit, push)) => revision((Some(push), commit)),
        None => revision(checkout.clone()),
    };
    Ok(Resolved {
        checkout: revision(checkout),
        base,
        seen,
    })
}

/// Refuses what git refuses.
fn check_name(name: Option<&str>, remote: &Remote) -> Result<(), GitError> {
    match name {
        Some(name) if name.starts_with('/') || name.ends_with('/') => Err(remote.site().refused(
            "reading a reference of",
            format!("ref {name} is invalid; Git refs cannot begin or end with a slash '/'"),
        )),
        _ => Ok(()),
    }
}

fn find(references: &[Reference], name: &str) -> Option<ObjectId> {
    let found = references.iter().find(|reference| reference.name == name);
    found.map(Reference::commit)
}

/// The reference that a checkout names, if it names one, and its commit.
fn check_out(
    request: &FetchRequest<'_>,
    name: Option<&str>,
    references: &[Reference],
    remote: &mut Remote,
    choose: &mut TagChooser<'_>,
    limits: &Limits,
) -> Result<(Option<String>, ObjectId), GitError> {
    let missing = |reference: &str| GitError::ReferenceNotFound {
        url: request.source.display_url(),
        reference: reference.to_owned(),
    };
    match request.checkout {
        CheckoutReference::Commit { id, branch } => {
            if let Some(name) = name
                && find(references, name).is_none()
            {
                return Err(not_found(remote, limits, missing(name)));
            }
            let commit = ObjectId::from_hex(id.as_bytes()).map_err(|_| missing(id))?;
            Ok((branch.as_deref().map(branch_name), commit))
        }
        CheckoutReference::Semver(range) => {
            let tags = references.iter();
            let tags: Vec<Reference> = tags
                .filter(|reference| reference.name.starts_with("refs/tags/"))
                .cloned()
                .collect();
            let chosen = choose(remote, &tags)?.map(|tag| format!("refs/tags/{tag}"));
            let chosen = chosen.and_then(|name| Some((find(references, &name)?, name)));
            let Some((commit, name)) = chosen else {
                let text = format!("no match found for semver: {range}");
                let error = remote.site().refused("choosing a tag of", text);
                return Err(not_found(remote, limits, error));
            };
            Ok((Some(name), commit))
        }
        CheckoutReference::Branch(_) | CheckoutReference::Tag(_) | CheckoutReference::Name(_) => {
            let name = name.unwrap_or_default();
            match find(references, name) {
                Some(commit) => Ok((Some(name.to_owned()), commit)),
                None => Err(not_found(remote, limits, missing(name))),
            }
        }
    }
}

/// A reference is missing: perhaps because the repository has none at all.
fn not_found(remote: &mut Remote, limits: &Limits, error: GitError) -> GitError {
    let all = vec!["refs/".to_owned()];
    let listed = remote
        .upload(limits)
        .and_then(|upload| upload.references(&all, limits));
    match listed {
        Ok(references) if references.is_empty() => GitError::EmptyRepository {
            url: remote.source().display_url(),
        },
        Ok(_) => error,
        Err(error) => error,
    }
}
