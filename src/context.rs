//! From flags to adapters: the only place that wires.
//!
//! For: building the API server's client, registries, Git and the worktree when a command first
//! needs them, so that `--help` and `create --export` start none of them.
//! Refuses: rules of the business.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::tz::TimeZone;

pub use crate::cluster::KubeconfigNames;
use crate::cluster::{self, ConnectionSettings, LiveCluster, ManifestSource, Manifests};
use crate::error::CommandError;
use crate::flags::{Environment, GlobalFlags, ObjectFlags, RegistryFlags, TreeFlags};
use crate::git::GitClient;
use crate::ops::{ReadOnce, Services};
use crate::output::{LogWriter, TerminalProgress, Ui};
use crate::ports::{Cancellation, Clock, Cluster, Objects, Progress, SystemClock, Worktree};
use crate::redacted::Redacted;
use crate::registry::{self, RegistryClient, RegistrySettings};
use crate::worktree::UserWorktree;

/// The namespace that objects without one get, and the one that is looked at by default.
const DEFAULT_NAMESPACE: &str = "flux-system";
/// The limit of an operation when the user gives none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// How this program names itself to servers.
const USER_AGENT: &str = concat!("kubectl-imageupdate/", env!("CARGO_PKG_VERSION"));
/// Where a pod finds its own credentials.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Bytes of a file that are read at once where a long list need not be held whole.
const PIECE: usize = 1 << 16;

/// What a command runs in.
pub struct Context {
    program: String,
    global: GlobalFlags,
    environment: Environment,
    ui: Arc<Ui>,
    cancellation: Cancellation,
    live: OnceLock<Arc<LiveCluster>>,
}

impl Context {
    /// A context of these flags; nothing is contacted.
    pub fn new(
        program: String,
        global: GlobalFlags,
        environment: Environment,
        ui: Arc<Ui>,
    ) -> Self {
        Self {
            program,
            global,
            environment,
            ui,
            cancellation: Cancellation::default(),
            live: OnceLock::new(),
        }
    }

    /// The name the user typed, for example `kubectl imageupdate`.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The streams.
    pub fn ui(&self) -> &Ui {
        &self.ui
    }

    /// The flags of every command.
    pub fn global(&self) -> &GlobalFlags {
        &self.global
    }

    /// The environment.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Ctrl-C.
    pub fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// The clock.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    /// The user's time zone.
    pub fn zone(&self) -> TimeZone {
        match self.environment.text("TZ") {
            Some(name) => TimeZone::get(name.trim_start_matches(':')).unwrap_or(TimeZone::UTC),
            None => TimeZone::system(),
        }
    }

    /// Limit for the whole operation; zero waits for nothing at all.
    pub fn timeout(&self) -> Duration {
        self.given_timeout().unwrap_or(DEFAULT_TIMEOUT)
    }

    /// The limit that the user gave, for what has none by itself. A negative one is over at once, as
    /// it is with flux.
    pub fn given_timeout(&self) -> Option<Duration> {
        let limit = self.global.timeout?;
        Some(limit.to_std().unwrap_or_default())
    }

    /// `-n`, else a valid `FLUX_SYSTEM_NAMESPACE`.
    fn namespace_from_flag_or_environment(&self) -> Result<Option<String>, CommandError> {
        if let Some(namespace) = &self.global.namespace {
            if is_dns_label(namespace) {
                return Ok(Some(namespace.clone()));
            }
            return Err(CommandError::failed(format!(
                "namespace must be a valid DNS label: \"{namespace}\""
            )));
        }
        match self.environment.text("FLUX_SYSTEM_NAMESPACE") {
            Some(namespace) if is_dns_label(namespace) => Ok(Some(namespace.to_owned())),
            Some(namespace) => {
                self.ui.warn(&format!(
                    "ignoring invalid FLUX_SYSTEM_NAMESPACE: \"{namespace}\""
                ));
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// The namespace of an object that `create` makes. An export does not look at the kubeconfig.
    pub fn namespace_for_create(&self, export: bool) -> Result<String, CommandError> {
        match self.namespace_from_flag_or_environment()? {
            Some(namespace) => Ok(namespace),
            None if export => Ok(DEFAULT_NAMESPACE.to_owned()),
            None => self.context_namespace(),
        }
    }

    /// The one namespace that a command looks at: all of them for files without `-n`.
    pub fn namespace_scope(
        &self,
        objects: &ObjectFlags,
        all: bool,
    ) -> Result<Option<String>, CommandError> {
        let given = self.namespace_from_flag_or_environment()?;
        match (given, objects.from_files()) {
            (_, _) if all => Ok(None),
            (_, true) => Ok(self.global.namespace.clone()),
            (Some(namespace), false) => Ok(Some(namespace)),
            (None, false) => self.context_namespace().map(Some),
        }
    }

    /// The namespace of a verb that works on the cluster.
    pub fn cluster_namespace(&self) -> Result<String, CommandError> {
        match self.namespace_from_flag_or_environment()? {
            Some(namespace) => Ok(namespace),
            None => self.context_namespace(),
        }
    }

    /// The namespace of the kubeconfig's context, when it names one.
    fn context_namespace(&self) -> Result<String, CommandError> {
        let namespace = self.live().context_namespace()?;
        Ok(namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()))
    }

    /// The names that the kubeconfig defines; nobody is contacted.
    pub fn kubeconfig_names(&self) -> Result<KubeconfigNames, CommandError> {
        Ok(self.live().kubeconfig_names()?)
    }

    /// The cluster; nothing is contacted before it is asked something.
    pub fn cluster(&self) -> Result<Arc<dyn Cluster>, CommandError> {
        Ok(self.live().clone())
    }

    /// The cluster that a run writes statuses to: none when its objects come from files.
    pub fn cluster_of(&self, flags: &ObjectFlags) -> Option<Arc<dyn Cluster>> {
        (!flags.from_files()).then(|| {
            let live: Arc<dyn Cluster> = self.live().clone();
            live
        })
    }

    fn live(&self) -> &Arc<LiveCluster> {
        self.live
            .get_or_init(|| Arc::new(LiveCluster::new(self.connection_settings())))
    }

    fn connection_settings(&self) -> ConnectionSettings {
        let flags = &self.global.kube;
        let absolute =
            |path: &Option<PathBuf>| path.as_ref().map(|path| self.environment.absolute(path));
        ConnectionSettings {
            kubeconfig: absolute(&flags.kubeconfig),
            context: flags.context.clone(),
            cluster: flags.cluster.clone(),
            user: flags.user.clone(),
            server: flags.server.clone(),
            token: flags.token.clone().map(Redacted::new),
            tls_server_name: flags.tls_server_name.clone(),
            certificate_authority: absolute(&flags.certificate_authority),
            client_certificate: absolute(&flags.client_certificate),
            client_key: absolute(&flags.client_key),
            insecure_skip_tls_verify: flags.insecure_skip_tls_verify,
            impersonate_user: flags.as_user.clone(),
            impersonate_groups: flags.as_group.clone(),
            impersonate_uid: flags.as_uid.clone(),
            impersonate_extra: flags
                .as_user_extra
                .iter()
                .filter_map(|pair| pair.split_once('='))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            request_timeout: flags
                .request_timeout
                .to_std()
                .filter(|limit| !limit.is_zero()),
            disable_compression: flags.disable_compression,
            user_agent: USER_AGENT.to_owned(),
            environment: cluster::Environment {
                variables: self
                    .environment
                    .variables()
                    .iter()
                    .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.clone())))
                    .collect(),
                service_account: SERVICE_ACCOUNT.into(),
                interactive: self.ui.interactive(),
            },
        }
    }

    /// Objects from files or from the cluster.
    pub fn objects(&self, flags: &ObjectFlags) -> Result<Arc<dyn Objects>, CommandError> {
        if !flags.from_files() {
            return Ok(self.live().clone());
        }
        let default_namespace = self
            .namespace_from_flag_or_environment()?
            .unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
        let mut sources = Vec::new();
        for path in &flags.filename {
            sources.push(if path == Path::new("-") {
                let bytes = self.ui.read_input().map_err(|error| {
                    CommandError::failed("reading standard input").caused_by(&error)
                })?;
                ManifestSource::Input(bytes)
            } else {
                ManifestSource::Path {
                    path: self.environment.absolute(path),
                    shown: path.display().to_string(),
                }
            });
        }
        let manifests = Manifests::load(&sources, flags.recursive, &default_namespace)?;
        Ok(Arc::new(manifests))
    }

    /// The text of a file that an option names; `-` is standard input.
    pub fn read_text(&self, path: &Path) -> Result<String, CommandError> {
        let attempt = format!("reading {}", path.display());
        let bytes = if path == Path::new("-") {
            self.ui.read_input()
        } else {
            std::fs::read(self.environment.absolute(path))
        };
        let bytes = bytes.map_err(|error| CommandError::failed(&attempt).caused_by(&error))?;
        String::from_utf8(bytes)
            .map_err(|error| CommandError::failed(attempt).caused_by(&error.utf8_error()))
    }

    /// Hands over a file that an option names in pieces of whole lines. Breaks off where that cannot
    /// be done, which [`Context::read_text`] has the words for, and at what can be read only once.
    pub fn read_pieces(
        &self,
        path: &Path,
        visit: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if path == Path::new("-") {
            return ControlFlow::Break(());
        }
        match lasting_file(&self.environment.absolute(path)) {
            Some(file) => each_piece(file, visit),
            None => ControlFlow::Break(()),
        }
    }

    /// Everything a run reaches the world through.
    pub fn services(
        &self,
        objects: Arc<dyn Objects>,
        registry: &RegistryFlags,
        tree: &TreeFlags,
    ) -> Result<Services, CommandError> {
        let worktree: Option<Arc<dyn Worktree>> = match &tree.worktree {
            None => None,
            Some(folder) => {
                let folder = self.environment.absolute(folder);
                Some(Arc::new(UserWorktree::open(
                    &folder,
                    &self.environment_pairs(),
                )?))
            }
        };
        Ok(Services {
            objects: Arc::new(ReadOnce::new(objects)),
            cluster: None,
            registry: Arc::new(self.registry(registry)),
            git: Arc::new(self.git(tree)),
            worktree,
            clock: self.clock(),
            progress: self.progress(),
            cancellation: self.cancellation.clone(),
        })
    }

    /// Git servers, with the cache of fetched objects unless there is no place for one.
    fn git(&self, flags: &TreeFlags) -> GitClient {
        match self.cache_folder().filter(|_| !flags.no_cache) {
            Some(folder) => GitClient::with_cache(folder),
            None => GitClient::new(),
        }
    }

    /// This program's part of the user's cache folder.
    fn cache_folder(&self) -> Option<PathBuf> {
        let absolute = |name: &str| {
            let path = self.environment.path(name);
            path.filter(|path| path.is_absolute())
        };
        let folder = match absolute("XDG_CACHE_HOME") {
            Some(folder) => folder.to_owned(),
            None if cfg!(windows) => absolute("LOCALAPPDATA")?.to_owned(),
            None if cfg!(target_os = "macos") => absolute("HOME")?.join("Library/Caches"),
            None => absolute("HOME")?.join(".cache"),
        };
        Some(folder.join(env!("CARGO_PKG_NAME")))
    }

    fn registry(&self, flags: &RegistryFlags) -> RegistryClient {
        let absolute =
            |path: &Option<PathBuf>| path.as_ref().map(|path| self.environment.absolute(path));
        let variables = self
            .environment
            .variables()
            .iter()
            .filter_map(|(name, value)| {
                Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()))
            });
        RegistryClient::new(RegistrySettings {
            registry_config: absolute(&flags.registry_config),
            registry_ca: absolute(&flags.registry_ca),
            environment: variables.collect::<registry::Environment>(),
            ..RegistrySettings::default()
        })
    }

    fn environment_pairs(&self) -> Vec<(OsString, OsString)> {
        let variables = self.environment.variables().iter();
        variables
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    fn progress(&self) -> Arc<dyn Progress> {
        if self.ui.draws_progress() {
            Arc::new(TerminalProgress::default())
        } else {
            Arc::new(())
        }
    }

    /// Shows what the API server warned about during the command, each warning once.
    pub fn show_server_warnings(&self) {
        let warnings = self.live.get().map(|live| live.take_warnings());
        for warning in warnings.unwrap_or_default() {
            self.ui.warn(&warning);
        }
    }

    /// Logs to standard error at the level of `-v`: this program's own log, because those of the
    /// libraries show headers and bodies as they are. Who names a library in the variable gets it.
    pub fn start_logging(&self) {
        let filter = match self.environment.text("KUBECTL_IMAGEUPDATE_LOG") {
            Some(filter) => filter.to_owned(),
            None => match self.global.verbosity {
                0 => return,
                1..=3 => "kubectl_imageupdate=info".to_owned(),
                4 | 5 => format!("kubectl_imageupdate=debug,{}", without_requests()),
                6 | 7 => "kubectl_imageupdate=debug".to_owned(),
                _ => "kubectl_imageupdate=trace".to_owned(),
            },
        };
        // A second run in the same process, as in the quickstart, keeps the first one's logger.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
            .with_writer(|| LogWriter)
            .with_ansi(false)
            .log_internal_errors(false)
            .try_init();
    }
}

/// A file that can be read once more from its beginning. Nothing else is opened: a pipe that is opened
/// and left has lost what it held, and what stands in `/dev` may go on where it was left.
fn lasting_file(path: &Path) -> Option<File> {
    let lasting = std::fs::metadata(path).ok()?.is_file() && !path.starts_with("/dev");
    lasting.then(|| File::open(path).ok()).flatten()
}

/// Reads a text and hands it over in pieces of whole lines; breaks off at what is no text.
fn each_piece(
    mut source: impl Read,
    visit: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut hand_over = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => visit(text),
        Err(_) => ControlFlow::Break(()),
    };
    let mut buffer = vec![0; PIECE];
    let mut filled = 0;
    loop {
        let count = match source.read(&mut buffer[filled..]) {
            Ok(0) => return hand_over(&buffer[..filled]),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return ControlFlow::Break(()),
        };
        filled += count;
        let lines = buffer[..filled].iter().rposition(|byte| *byte == b'\n');
        if let Some(end) = lines.map(|at| at + 1) {
            hand_over(&buffer[..end])?;
            buffer.copy_within(end..filled, 0);
            filled -= end;
        } else if filled == buffer.len() {
            buffer.resize(2 * filled, 0);
        }
    }
}

/// Directives that silence the rooms' lines about single requests.
fn without_requests() -> String {
    ["cluster::session", "registry::transport", "git::http"]
        .map(|module| format!("kubectl_imageupdate::{module}=info"))
        .join(",")
}

/// A DNS label, as Kubernetes names namespaces.
fn is_dns_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    (1..=63).contains(&bytes.len())
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_are_opened_to_be_read_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "1.0.0\n").unwrap();
        assert!(lasting_file(&file).is_some());
        for other in [folder.path(), Path::new("/dev/stdin"), &file.join("none")] {
            assert!(lasting_file(other).is_none(), "{}", other.display());
        }
    }

    /// Nobody writes into the pipe: who opens it waits.
    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_opened_to_be_read_in_pieces() {
        use std::process::Command;
        use std::sync::mpsc;

        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(lasting_file(&pipe).is_none()));
        assert_eq!(receiver.recv_timeout(Duration::from_secs(30)), Ok(true));
    }
}
