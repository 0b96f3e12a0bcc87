//! `create repository`.

use clap::Args;
use serde_json::json;

use super::{Common, Declaration, checks};
use crate::api::{AccessFrom, ImageRepositorySpec, Kind, LocalReference, NamespaceSelector};
use crate::context::Context;
use crate::duration::GoDuration;
use crate::error::CommandError;
use crate::flags::go_duration;
use crate::image::{self, ImageName};
use crate::policy::Exclusion;

/// Declare an image repository: which image to scan
///
/// The image has no scheme, tag or digest. Tags are listed every --interval by the controllers, and
/// once by 'reconcile repository'.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Scan a public image every five minutes
  kubectl imageupdate create repository podinfo --image=ghcr.io/stefanprodan/podinfo --interval=5m --export

  # Use a pull secret, and keep nightly tags out
  kubectl imageupdate create repository app --image=ghcr.io/org/app --secret-ref=regcred --exclusion-list='-nightly$' --export

Exit codes:
  0 done, 1 failed, 2 usage error")]
pub(super) struct RepositoryArgs {
    #[command(flatten)]
    common: Common,

    /// Image to scan, without scheme, tag and digest
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,

    /// Time between scans, a Go duration
    #[arg(long, value_name = "DURATION", default_value = "1m0s", value_parser = go_duration, allow_hyphen_values = true)]
    interval: GoDuration,

    /// Limit for one scan, a Go duration below one hour; by default, and when 0, the interval
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = go_duration, allow_hyphen_values = true)]
    scan_timeout: GoDuration,

    /// Secret with docker credentials
    #[arg(long, value_name = "NAME")]
    secret_ref: Option<String>,

    /// Secret with CA and client certificate
    #[arg(long, value_name = "NAME")]
    cert_ref: Option<String>,

    /// Secret with the address of a proxy
    #[arg(long, value_name = "NAME")]
    proxy_secret_ref: Option<String>,

    /// Service account whose pull secrets are used
    #[arg(long, value_name = "NAME")]
    service_account_name: Option<String>,

    /// Login: generic, aws, azure or gcp
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,

    /// Allow plain http
    #[arg(long)]
    insecure: bool,

    /// Pattern of tags to leave out; repeatable, at most 25; replaces '^.*\.sig$'
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true)]
    exclusion_list: Vec<String>,

    /// Labels of namespaces whose policies may refer to this repository, as KEY=VALUE[,KEY=VALUE]; repeatable, empty for every namespace
    #[arg(long, value_name = "LABELS")]
    access_from: Vec<String>,
}

impl RepositoryArgs {
    pub(super) fn declare(&self, context: &Context) -> Result<Declaration, CommandError> {
        let mut mistakes = self.common.mistakes();
        let spec = ImageRepositorySpec {
            image: mistakes.value(self.image()),
            interval: mistakes.value(checks::interval("--interval", self.interval)),
            timeout: match self.scan_timeout {
                GoDuration::ZERO => None,
                timeout => mistakes.value(checks::timeout("--scan-timeout", timeout).map(Some)),
            },
            secret_ref: reference(self.secret_ref.as_ref()),
            proxy_secret_ref: reference(self.proxy_secret_ref.as_ref()),
            service_account_name: mistakes.value(self.service_account()),
            cert_secret_ref: reference(self.cert_ref.as_ref()),
            suspend: self.common.suspend,
            access_from: mistakes.value(self.access_from()),
            exclusion_list: mistakes.value(self.exclusion_list()),
            provider: mistakes.value(self.provider()),
            insecure: self.insecure,
        };
        self.common
            .object(Kind::ImageRepository, json!(spec), mistakes, context)
    }

    fn image(&self) -> Result<String, CommandError> {
        let image = checks::text(self.image.as_ref())
            .ok_or_else(|| CommandError::failed("an image repository (--image) is required"))?;
        image::check_create_image(&image).map_err(|error| {
            CommandError::failed(format!("unable to parse image value: {error}"))
                .with_hint("an image is named without scheme, tag and digest: ghcr.io/org/app")
        })?;
        // The controller has rules of its own, and stalls where they are broken.
        ImageName::parse(&image).map_err(|error| CommandError::failed(error.to_string()))?;
        Ok(image)
    }

    fn provider(&self) -> Result<Option<String>, CommandError> {
        match self.provider.as_deref() {
            None | Some("") => Ok(None),
            Some(provider @ ("generic" | "aws" | "azure" | "gcp")) => Ok(Some(provider.to_owned())),
            Some(provider) => Err(CommandError::failed(format!(
                "invalid value \"{provider}\" for --provider, must be one of: generic, aws, azure, gcp"
            ))),
        }
    }

    fn service_account(&self) -> Result<Option<String>, CommandError> {
        let name = checks::text(self.service_account_name.as_ref());
        if name.as_ref().is_some_and(|name| name.len() > 253) {
            return Err(CommandError::failed(
                "invalid value for --service-account-name: at most 253 characters",
            ));
        }
        Ok(name)
    }

    fn exclusion_list(&self) -> Result<Vec<String>, CommandError> {
        if self.exclusion_list.len() > 25 {
            return Err(CommandError::failed(format!(
                "--exclusion-list takes at most 25 patterns, {} were given",
                self.exclusion_list.len()
            )));
        }
        Exclusion::new(&self.exclusion_list)
            .map_err(|error| CommandError::failed(format!("--exclusion-list: {error}")))?;
        Ok(self.exclusion_list.clone())
    }

    fn access_from(&self) -> Result<Option<AccessFrom>, CommandError> {
        if self.access_from.is_empty() {
            return Ok(None);
        }
        let namespace_selectors = self
            .access_from
            .iter()
            .map(|selector| {
                let items: Vec<String> = selector.split(',').map(str::to_owned).collect();
                Ok(NamespaceSelector {
                    match_labels: checks::labels(items.iter().filter(|item| !item.is_empty()))?,
                })
            })
            .collect::<Result<_, CommandError>>()?;
        Ok(Some(AccessFrom {
            namespace_selectors,
        }))
    }
}

fn reference(name: Option<&String>) -> Option<LocalReference> {
    checks::text(name).map(LocalReference::new)
}
