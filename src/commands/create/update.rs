//! `create update`.

use clap::Args;
use serde_json::json;

use super::{Common, Declaration, checks};
use crate::api::{
    CommitSpec, CommitUser, GitCheckoutSpec, GitRepositoryRef, GitSpec, ImageUpdateAutomationSpec,
    Kind, LabelSelector, LocalReference, PushSpec, SigningKey, SourceReference, UpdateStrategy,
};
use crate::context::Context;
use crate::duration::GoDuration;
use crate::error::CommandError;
use crate::flags::go_duration;
use crate::ops;
use crate::selector::Selector;

/// Declare an image update automation: where to write chosen tags
///
/// Markers below --git-repo-path of the checked out revision are updated, committed with the given
/// author and pushed. The template, the range and the refspec are tried before anything is declared.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Update markers below a folder of branch main
  kubectl imageupdate create update flux-system --git-repo-ref=flux-system --git-repo-path=./clusters/my-cluster --checkout-branch=main --author-name=fluxcdbot --author-email=fluxcdbot@users.noreply.github.com --export

  # Push to another branch, with a message of your own
  kubectl imageupdate create update flux-system --git-repo-ref=flux-system --checkout-branch=main --push-branch=image-updates --author-name=bot --author-email=bot@example.com --commit-template='{{range .Changed.Changes}}{{println .NewValue}}{{end}}' --export

Exit codes:
  0 done, 1 failed, 2 usage error")]
pub(super) struct UpdateArgs {
    #[command(flatten)]
    common: Common,

    /// Git repository to work on
    #[arg(long, value_name = "NAME")]
    git_repo_ref: Option<String>,

    /// Namespace of the Git repository; the automation's own by default
    #[arg(long, value_name = "NAMESPACE")]
    git_repo_namespace: Option<String>,

    /// API version of the Git repository reference; ignored by the controller
    #[arg(long, value_name = "VERSION", hide = true)]
    git_repo_api_version: Option<String>,

    /// Folder or file below which markers count
    #[arg(long, value_name = "PATH")]
    git_repo_path: Option<String>,

    /// How to edit: Setters
    #[arg(long, value_name = "STRATEGY", hide = true)]
    update_strategy: Option<String>,

    /// Branch to check out
    #[arg(long, value_name = "BRANCH")]
    checkout_branch: Option<String>,

    /// Tag to check out
    #[arg(long, value_name = "TAG")]
    checkout_tag: Option<String>,

    /// Range of tags; the greatest is checked out
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    checkout_semver: Option<String>,

    /// Full reference name to check out, for example refs/heads/main
    #[arg(long, value_name = "REF")]
    checkout_name: Option<String>,

    /// Commit to check out
    #[arg(long, value_name = "ID")]
    checkout_commit: Option<String>,

    /// Branch to push to; the checkout branch by default
    #[arg(long, value_name = "BRANCH")]
    push_branch: Option<String>,

    /// Second push, as refs/heads/SOURCE:refs/heads/DESTINATION
    #[arg(long, value_name = "REFSPEC", allow_hyphen_values = true)]
    push_refspec: Option<String>,

    /// Push option, as KEY=VALUE; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    push_option: Vec<String>,

    /// Go template of the commit message
    #[arg(long, value_name = "TEMPLATE", allow_hyphen_values = true)]
    commit_template: Option<String>,

    /// Value for the template, as KEY=VALUE; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    commit_template_value: Vec<String>,

    /// Name of the commits' author
    #[arg(long, value_name = "NAME")]
    author_name: Option<String>,

    /// E-mail address of the commits' author
    #[arg(long, value_name = "EMAIL")]
    author_email: Option<String>,

    /// Secret with the key to sign commits with
    #[arg(long, value_name = "NAME")]
    signing_key_secret: Option<String>,

    /// Type of the signing key: gpg or ssh
    #[arg(long, value_name = "TYPE")]
    signing_key_type: Option<String>,

    /// Label selector of the policies that count, as kubectl's -l
    #[arg(long, value_name = "SELECTOR")]
    policy_selector: Option<String>,

    /// Time between runs, a Go duration
    #[arg(long, value_name = "DURATION", default_value = "1m0s", value_parser = go_duration, allow_hyphen_values = true)]
    interval: GoDuration,
}

impl UpdateArgs {
    pub(super) fn declare(&self, context: &Context) -> Result<Declaration, CommandError> {
        let mut mistakes = self.common.mistakes();
        let source_ref = SourceReference {
            api_version: checks::text(self.git_repo_api_version.as_ref()),
            kind: "GitRepository".to_owned(),
            name: mistakes.value(required(
                self.git_repo_ref.as_ref(),
                "a reference to a GitRepository is required (--git-repo-ref)",
            )),
            namespace: checks::text(self.git_repo_namespace.as_ref()),
        };
        let reference = mistakes.value(self.checkout());
        let author_name = mistakes.value(required(
            self.author_name.as_ref(),
            "the author name is required (--author-name)",
        ));
        let author = CommitUser {
            email: mistakes.value(required(
                self.author_email.as_ref(),
                "the author email is required (--author-email)",
            )),
            name: Some(author_name),
        };
        let values = checks::pairs("--commit-template-value", &self.commit_template_value);
        let commit = CommitSpec {
            author,
            signing_key: mistakes.value(self.signing_key()),
            message_template: mistakes.value(self.commit_template(context)),
            message_template_values: mistakes.value(values),
        };
        let spec = ImageUpdateAutomationSpec {
            source_ref,
            git: Some(GitSpec {
                push: mistakes.value(self.push(&reference)),
                checkout: Some(GitCheckoutSpec { reference }),
                commit,
            }),
            interval: mistakes.value(checks::interval("--interval", self.interval)),
            policy_selector: mistakes.value(self.policy_selector()),
            update: mistakes.value(self.update()),
            suspend: self.common.suspend,
        };
        self.common
            .object(Kind::ImageUpdateAutomation, json!(spec), mistakes, context)
    }

    fn checkout(&self) -> Result<GitRepositoryRef, CommandError> {
        let reference = GitRepositoryRef {
            branch: checks::text(self.checkout_branch.as_ref()),
            tag: checks::text(self.checkout_tag.as_ref()),
            semver: checks::text(self.checkout_semver.as_ref()),
            name: checks::text(self.checkout_name.as_ref()),
            commit: checks::text(self.checkout_commit.as_ref()),
        };
        if reference == GitRepositoryRef::default() {
            return Err(CommandError::failed(
                "the Git repository branch is required (--checkout-branch)",
            ));
        }
        if let Some(range) = &reference.semver {
            crate::semver::Constraint::parse(range).map_err(|error| {
                CommandError::failed(format!("--checkout-semver is an invalid range: {error}"))
            })?;
        }
        if reference.branch.is_none() && checks::text(self.push_branch.as_ref()).is_none() {
            return Err(CommandError::failed(
                "the branch to push to cannot be inferred without --checkout-branch, use \
                 --push-branch",
            ));
        }
        Ok(reference)
    }

    fn push(&self, reference: &GitRepositoryRef) -> Result<Option<PushSpec>, CommandError> {
        let push = PushSpec {
            branch: checks::text(self.push_branch.as_ref()),
            refspec: checks::text(self.push_refspec.as_ref()),
            options: checks::pairs("--push-option", &self.push_option)?,
        };
        let branches: Vec<String> = [&push.branch, &reference.branch]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        if let Some(refspec) = &push.refspec
            && !branches.is_empty()
            && let Some(problem) = ops::refspec_problem(refspec, &branches)
        {
            return Err(CommandError::failed(format!("--push-refspec: {problem}")));
        }
        Ok((push != PushSpec::default()).then_some(push))
    }

    fn signing_key(&self) -> Result<Option<SigningKey>, CommandError> {
        let secret = checks::text(self.signing_key_secret.as_ref());
        let kind = checks::text(self.signing_key_type.as_ref());
        if kind.is_some() && secret.is_none() {
            return Err(CommandError::failed(
                "--signing-key-type requires --signing-key-secret",
            ));
        }
        if kind
            .as_deref()
            .is_some_and(|kind| kind != "gpg" && kind != "ssh")
        {
            return Err(CommandError::failed(
                "--signing-key-type must be one of: gpg, ssh",
            ));
        }
        Ok(secret.map(|name| SigningKey {
            secret_ref: LocalReference::new(name),
            kind,
        }))
    }

    fn commit_template(&self, context: &Context) -> Result<Option<String>, CommandError> {
        let Some(template) = checks::text(self.commit_template.as_ref()) else {
            return Ok(None);
        };
        let values = checks::pairs("--commit-template-value", &self.commit_template_value);
        // Values that cannot be read are a mistake of their own.
        let values = values.unwrap_or_default();
        let warnings =
            ops::check_message_template(&template, values.as_ref()).map_err(|problem| {
                let message = format!("--commit-template: {}", problem.message);
                let mut error = CommandError::failed(message);
                error.hints.extend(problem.hint);
                error
            })?;
        for warning in warnings {
            context.ui().warn(&format!("--commit-template: {warning}"));
        }
        Ok(Some(template))
    }

    fn policy_selector(&self) -> Result<Option<LabelSelector>, CommandError> {
        let Some(text) = checks::text(self.policy_selector.as_ref()) else {
            return Ok(None);
        };
        let selector = Selector::parse(&text)
            .map_err(|error| CommandError::failed(format!("--policy-selector: {error}")))?;
        selector
            .to_label_selector()
            .map(Some)
            .map_err(|error| CommandError::failed(format!("--policy-selector: {error}")))
    }

    fn update(&self) -> Result<Option<UpdateStrategy>, CommandError> {
        let strategy = checks::text(self.update_strategy.as_ref());
        if strategy
            .as_deref()
            .is_some_and(|strategy| strategy != "Setters")
        {
            return Err(CommandError::failed("--update-strategy must be Setters"));
        }
        let path = checks::text(self.git_repo_path.as_ref());
        Ok(
            (path.is_some() || strategy.is_some()).then(|| UpdateStrategy {
                strategy: Some("Setters".to_owned()),
                path,
            }),
        )
    }
}

fn required(value: Option<&String>, message: &str) -> Result<String, CommandError> {
    checks::text(value).ok_or_else(|| CommandError::failed(message))
}
