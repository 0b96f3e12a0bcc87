//! Groups of flags that several commands share.

use std::num::IntErrorKind;
use std::path::PathBuf;

use clap::Args;

use crate::duration::GoDuration;
use crate::output::ColorChoice;

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalFlags {
    /// Namespace; by default FLUX_SYSTEM_NAMESPACE, else the context's, else flux-system
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    pub namespace: Option<String>,

    /// Limit for the whole operation, waits included; a Go duration such as 1m30s, by default 5m0s, and none for a watch; with 0 a reconcile waits for nothing, and other work on a cluster fails at once as with flux
    #[arg(long, global = true, value_name = "DURATION", value_parser = go_duration, allow_hyphen_values = true)]
    pub timeout: Option<GoDuration>,

    /// Log level on standard error, from 0 (nothing) over 2 (information), 4 (debugging) and 6 (requests) to 8 (headers and bodies, secrets removed)
    #[arg(
        short,
        long = "v",
        global = true,
        value_name = "N",
        default_value = "0",
        value_parser = go_level,
        hide_default_value = true
    )]
    pub verbosity: u8,

    /// No messages about the work on standard error; warnings and errors stay
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Colour in the answer and in messages
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value = "auto"
    )]
    pub color: ColorChoice,

    /// Connection to the API server.
    #[command(flatten)]
    pub kube: KubeFlags,
}

/// kubectl's connection options. Hidden from the short help.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Connection options")]
pub struct KubeFlags {
    /// Kubeconfig file; the only one that is read
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub kubeconfig: Option<PathBuf>,

    /// Kubeconfig context
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub context: Option<String>,

    /// Kubeconfig cluster
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub cluster: Option<String>,

    /// Kubeconfig user
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub user: Option<String>,

    /// Address of the API server
    #[arg(long, global = true, value_name = "URL", hide_short_help = true)]
    pub server: Option<String>,

    /// Bearer token
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        hide_short_help = true,
        hide_env_values = true
    )]
    pub token: Option<String>,

    /// Name to check the API server's certificate against
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub tls_server_name: Option<String>,

    /// File with the API server's certificate authority
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub certificate_authority: Option<PathBuf>,

    /// File with the client certificate
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub client_certificate: Option<PathBuf>,

    /// File with the client key
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub client_key: Option<PathBuf>,

    /// Do not check the API server's certificate
    #[arg(long, global = true, hide_short_help = true)]
    pub insecure_skip_tls_verify: bool,

    /// User to act as
    #[arg(
        long = "as",
        global = true,
        value_name = "USER",
        hide_short_help = true
    )]
    pub as_user: Option<String>,

    /// Group to act as; repeatable
    #[arg(
        long = "as-group",
        global = true,
        value_name = "GROUP",
        hide_short_help = true
    )]
    pub as_group: Vec<String>,

    /// UID to act as
    #[arg(
        long = "as-uid",
        global = true,
        value_name = "UID",
        hide_short_help = true
    )]
    pub as_uid: Option<String>,

    /// Extra field to act with, as KEY=VALUE; repeatable
    #[arg(
        long = "as-user-extra",
        global = true,
        value_name = "KEY=VALUE",
        value_parser = key_and_value,
        hide_short_help = true
    )]
    pub as_user_extra: Vec<String>,

    /// Limit for one request, a Go duration; 0 means none
    #[arg(long, global = true, value_name = "DURATION", default_value = "0s", value_parser = request_timeout, allow_hyphen_values = true, hide_short_help = true)]
    pub request_timeout: GoDuration,

    /// No compressed answers
    #[arg(long, global = true, hide = true)]
    pub disable_compression: bool,

    /// Accepted for flux's sake: discovery is not cached
    #[arg(long, global = true, value_name = "FOLDER", hide = true)]
    pub cache_dir: Option<PathBuf>,

    /// Accepted for flux's sake: requests are few
    #[arg(long, global = true, value_name = "N", hide = true)]
    pub kube_api_qps: Option<f32>,

    /// Accepted for flux's sake: requests are few
    #[arg(long, global = true, value_name = "N", hide = true)]
    pub kube_api_burst: Option<i32>,

    /// Accepted for flux's sake
    #[arg(long, global = true, hide = true)]
    pub verbose: bool,

    /// Accepted for flux's sake: the context's namespace always counts
    #[arg(long, global = true, hide = true)]
    pub ns_follows_kube_context: bool,
}

/// Where objects are read from.
#[derive(Clone, Debug, Default, Args)]
pub struct ObjectFlags {
    /// Files or folders with objects, in place of a cluster; '-' is standard input; comma-separated and repeatable
    #[arg(short, long, value_name = "FILENAME", value_delimiter = ',')]
    pub filename: Vec<PathBuf>,

    /// Read folders given to -f with everything below
    #[arg(short = 'R', long)]
    pub recursive: bool,
}

impl ObjectFlags {
    /// Whether objects come from files.
    pub fn from_files(&self) -> bool {
        !self.filename.is_empty()
    }
}

/// Registry access.
#[derive(Clone, Debug, Default, Args)]
pub struct RegistryFlags {
    /// Docker configuration file with registry credentials; comes before everything else
    #[arg(long, value_name = "FILE")]
    pub registry_config: Option<PathBuf>,

    /// PEM file with a certificate authority for registries
    #[arg(long, value_name = "FILE")]
    pub registry_ca: Option<PathBuf>,
}

/// A list in place of a registry.
#[derive(Clone, Debug, Default, Args)]
pub struct TagListFlags {
    /// Read tags from this file, or from standard input ('-'), and ask no registry: one tag a line, or a tags/list JSON
    #[arg(long, value_name = "FILE")]
    pub tags_from: Option<PathBuf>,
}

/// How a reconcile or a diff treats the tree.
#[derive(Clone, Debug, Default, Args)]
pub struct TreeFlags {
    /// Checkout to work on; nothing is fetched
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub worktree: Option<PathBuf>,

    /// Keep no cache of Git objects
    #[arg(long)]
    pub no_cache: bool,

    /// Fail on any warning, before anything is written
    #[arg(long)]
    pub strict: bool,

    /// Run named objects even when they are suspended
    #[arg(long)]
    pub include_suspended: bool,
}

/// Output of lists.
#[derive(Clone, Debug, Default, Args)]
pub struct OutputFlags {
    /// Output format: json, yaml, name, wide, jsonpath=TEMPLATE or custom-columns=SPEC
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<String>,

    /// No header row
    #[arg(long, alias = "no-header")]
    pub no_headers: bool,

    /// Sort by this JSONPath expression
    #[arg(long, value_name = "JSONPATH")]
    pub sort_by: Option<String>,

    /// Keep metadata.managedFields in JSON and YAML
    #[arg(long)]
    pub show_managed_fields: bool,
}

/// Reads a Go duration for clap.
pub fn go_duration(text: &str) -> Result<GoDuration, String> {
    GoDuration::parse(text).map_err(|error| error.to_string())
}

/// Reads a Go duration that limits something.
fn go_limit(text: &str) -> Result<GoDuration, String> {
    let limit = go_duration(text)?;
    match limit.to_std() {
        Some(_) => Ok(limit),
        None => Err("a limit cannot be negative".to_owned()),
    }
}

/// Reads a log level as Go's flag library reads one; more than there is means all of it.
fn go_level(text: &str) -> Result<u8, String> {
    match text.parse::<i32>() {
        Ok(level) => Ok(u8::try_from(level.clamp(0, 255)).unwrap_or_default()),
        Err(error) => {
            let why = match error.kind() {
                IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
                _ => "invalid syntax",
            };
            Err(format!("strconv.ParseInt: parsing \"{text}\": {why}"))
        }
    }
}

/// Reads a limit as kubectl does: without a unit, in seconds.
fn request_timeout(text: &str) -> Result<GoDuration, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        return go_limit(&format!("{text}s"));
    }
    go_limit(text)
}

/// Checks the form of `KEY=VALUE`.
fn key_and_value(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.is_empty() => Ok(text.to_owned()),
        _ => Err("must be in the form KEY=VALUE".to_owned()),
    }
}

/// Reads a boolean as Go's `strconv.ParseBool` does.
pub fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
