//! From settings and kubeconfig files to one connection's configuration, by kubectl's rules.
//!
//! For: merging the files of `KUBECONFIG`, choosing context, cluster and user, laying the flags over
//! them, and the pod's own account when there is no kubeconfig.
//! Refuses: to contact anybody. Files are read, plugins are only checked.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri, header};
use kube::config::{AuthInfo, Cluster, Context, Kubeconfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::exec::Plugin;
use super::failure::{configuration, unreachable};
use super::proxy;
use super::settings::ConnectionSettings;
use crate::ports::ObjectsError;

/// Everything that a connection needs, with nothing contacted yet.
pub(super) struct Target {
    pub(super) config: kube::Config,
    pub(super) plugin: Option<Plugin>,
    /// Whether resolving the settings again may give a login that is still accepted.
    pub(super) renewable: bool,
    /// Whether nothing at all named a server.
    pub(super) unconfigured: bool,
}

/// The namespace that the chosen context names, or in a pod the pod's own.
pub(super) fn context_namespace(
    settings: &ConnectionSettings,
) -> Result<Option<String>, ObjectsError> {
    let chosen = choose(settings)?;
    if chosen.is_empty() && in_cluster_server(settings).is_some() {
        let file = settings.environment.service_account.join("namespace");
        return Ok(std::fs::read_to_string(file)
            .ok()
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty()));
    }
    Ok(chosen
        .context
        .namespace
        .filter(|namespace| !namespace.is_empty()))
}

/// What a kubeconfig defines, by name and in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KubeconfigNames {
    /// Contexts.
    pub contexts: Vec<String>,
    /// Clusters.
    pub clusters: Vec<String>,
    /// Users.
    pub users: Vec<String>,
}

/// The names in the merged kubeconfig.
pub(super) fn kubeconfig_names(
    settings: &ConnectionSettings,
) -> Result<KubeconfigNames, ObjectsError> {
    let kubeconfig = read_files(settings)?;
    let contexts = kubeconfig.contexts.into_iter().map(|entry| entry.name);
    let clusters = kubeconfig.clusters.into_iter().map(|entry| entry.name);
    let users = kubeconfig.auth_infos.into_iter().map(|entry| entry.name);
    Ok(KubeconfigNames {
        contexts: contexts.collect(),
        clusters: clusters.collect(),
        users: users.collect(),
    })
}

/// Resolves the settings.
pub(super) fn target(settings: &ConnectionSettings) -> Result<Target, ObjectsError> {
    let chosen = choose(settings)?;
    let pod = chosen.is_empty() && settings.server.is_none();
    if let (true, Some(server)) = (pod, in_cluster_server(settings)) {
        return in_cluster(settings, &server);
    }
    let unconfigured = chosen.cluster.server.is_none();
    let tls = uses_tls(&chosen);
    let address = chosen.cluster.server.as_deref().unwrap_or("localhost:8080");
    let server = server_uri(address, tls)?;
    let mut config = kube::Config::new(server);
    connect_to(&mut config, settings, &chosen)?;
    let mut plugin = None;
    // As kubectl: credentials never travel over plain http.
    if config.cluster_url.scheme_str() == Some("https") {
        plugin = log_in(&mut config, settings, &chosen)?;
    }
    impersonate(&mut config, settings, &chosen)?;
    common(&mut config, settings)?;
    let renewable = plugin.is_some() || chosen.user.token_file.is_some();
    Ok(Target {
        config,
        plugin,
        renewable,
        unconfigured,
    })
}

/// The three entries that count, after the flags were laid over them.
#[derive(Default)]
struct Chosen {
    context: Context,
    cluster_name: String,
    cluster: Cluster,
    user_name: String,
    user: AuthInfo,
}

impl Chosen {
    fn is_empty(&self) -> bool {
        self.cluster_name.is_empty() && self.user_name.is_empty() && self.cluster.server.is_none()
    }
}

fn choose(settings: &ConnectionSettings) -> Result<Chosen, ObjectsError> {
    let kubeconfig = read_files(settings)?;
    let context_name = settings
        .context
        .clone()
        .or_else(|| kubeconfig.current_context.clone())
        .filter(|name| !name.is_empty());
    let context = match &context_name {
        None => Context::default(),
        Some(name) => kubeconfig
            .contexts
            .iter()
            .find(|entry| entry.name == *name)
            .and_then(|entry| entry.context.clone())
            .ok_or_else(|| {
                configuration(format!(
                    "context was not found for specified context: {name}"
                ))
            })?,
    };
    let cluster_name = settings
        .cluster
        .clone()
        .unwrap_or_else(|| context.cluster.clone());
    let cluster = kubeconfig
        .clusters
        .iter()
        .find(|entry| entry.name == cluster_name)
        .and_then(|entry| entry.cluster.clone());
    if cluster.is_none() && settings.cluster.is_some() && settings.server.is_none() {
        return Err(configuration(format!(
            "no server found for cluster {cluster_name:?}"
        )));
    }
    let user_name = settings
        .user
        .clone()
        .or_else(|| context.user.clone())
        .unwrap_or_default();
    let user = kubeconfig
        .auth_infos
        .iter()
        .find(|entry| entry.name == user_name)
        .and_then(|entry| entry.auth_info.clone());
    if user.is_none() && settings.user.is_some() {
        return Err(configuration(format!(
            "auth info {user_name:?} does not exist"
        )));
    }
    let mut chosen = Chosen {
        context,
        cluster_name,
        cluster: cluster.unwrap_or_default(),
        user_name,
        user: user.unwrap_or_default(),
    };
    lay_flags_over(&mut chosen, settings);
    chosen.cluster.server = chosen.cluster.server.filter(|server| !server.is_empty());
    Ok(chosen)
}

/// A flag wins over the entry, and clears what would contradict it there.
fn lay_flags_over(chosen: &mut Chosen, settings: &ConnectionSettings) {
    let text = |path: &PathBuf| path.to_string_lossy().into_owned();
    let cluster = &mut chosen.cluster;
    if let Some(server) = &settings.server {
        cluster.server = Some(server.clone());
        // The name belongs to the server that the kubeconfig names.
        cluster.tls_server_name = None;
    }
    if let Some(name) = &settings.tls_server_name {
        cluster.tls_server_name = Some(name.clone());
    }
    if settings.insecure_skip_tls_verify || settings.certificate_authority.is_some() {
        cluster.insecure_skip_tls_verify = Some(settings.insecure_skip_tls_verify);
        cluster.certificate_authority = settings.certificate_authority.as_ref().map(text);
        cluster.certificate_authority_data = None;
    }
    let user = &mut chosen.user;
    if let Some(certificate) = &settings.client_certificate {
        user.client_certificate = Some(text(certificate));
        user.client_certificate_data = None;
    }
    if let Some(key) = &settings.client_key {
        user.client_key = Some(text(key));
        user.client_key_data = None;
    }
    if let Some(token) = &settings.token {
        user.token = Some(SecretString::from(token.expose().clone()));
        user.token_file = None;
        user.username = None;
        user.password = None;
        user.auth_provider = None;
        user.exec = None;
    }
}

/// `--kubeconfig` alone, else the files of `KUBECONFIG` merged (those that exist), else the default
/// file. No file is an empty configuration.
fn read_files(settings: &ConnectionSettings) -> Result<Kubeconfig, ObjectsError> {
    if let Some(path) = &settings.kubeconfig {
        if let Err(error) = std::fs::metadata(path) {
            return Err(configuration(format!(
                "stat {}: {}",
                path.display(),
                words(&error)
            )));
        }
        return read_file(path);
    }
    let environment = &settings.environment;
    let paths: Vec<PathBuf> = match environment.variables.get("KUBECONFIG") {
        Some(list) if !list.is_empty() => std::env::split_paths(list)
            .filter(|path| !path.as_os_str().is_empty())
            .collect(),
        _ => ["HOME", "USERPROFILE"]
            .into_iter()
            .find_map(|name| environment.variables.get(name))
            .map(|home| Path::new(home).join(".kube").join("config"))
            .into_iter()
            .collect(),
    };
    let mut merged = Kubeconfig::default();
    for path in paths.iter().filter(|path| path.exists()) {
        merged = merged
            .merge(read_file(path)?)
            .map_err(|error| configuration(error.to_string()))?;
    }
    Ok(merged)
}

fn read_file(path: &Path) -> Result<Kubeconfig, ObjectsError> {
    Kubeconfig::read_from(path).map_err(|error| {
        let reason = match &error {
            // The parser shows the lines around the mistake, which may hold a token.
            kube::config::KubeconfigError::Parse(error) => match error.location() {
                Some(location) => format!("yaml: line {}: not a kubeconfig", location.line()),
                None => "yaml: not a kubeconfig".to_owned(),
            },
            kube::config::KubeconfigError::ReadConfig(error, _) => words(error),
            other => other.to_string(),
        };
        configuration(format!(
            "error loading config file \"{}\": {reason}",
            path.display()
        ))
    })
}

fn uses_tls(chosen: &Chosen) -> bool {
    let (cluster, user) = (&chosen.cluster, &chosen.user);
    cluster.certificate_authority.is_some()
        || cluster.certificate_authority_data.is_some()
        || cluster.insecure_skip_tls_verify == Some(true)
        || cluster.tls_server_name.is_some()
        || user.client_certificate.is_some()
        || user.client_certificate_data.is_some()
}

/// A server without scheme is reached by https when anything speaks of TLS, else by http.
fn server_uri(server: &str, tls: bool) -> Result<Uri, ObjectsError> {
    let text = match (server.contains("://"), tls) {
        (true, _) => server.to_owned(),
        (false, true) => format!("https://{server}"),
        (false, false) => format!("http://{server}"),
    };
    let uri: Uri = text
        .parse()
        .map_err(|error| unreachable(&format!("server {server:?}: {error}")))?;
    match uri.scheme_str() {
        Some("http" | "https") => Ok(uri),
        _ => Err(unreachable(&format!(
            "server {server:?}: unsupported protocol scheme"
        ))),
    }
}

fn connect_to(
    config: &mut kube::Config,
    settings: &ConnectionSettings,
    chosen: &Chosen,
) -> Result<(), ObjectsError> {
    let cluster = &chosen.cluster;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify == Some(true);
    config.tls_server_name.clone_from(&cluster.tls_server_name);
    config.disable_compression = cluster.disable_compression == Some(true);
    let authority = material(
        "certificate-authority",
        &chosen.cluster_name,
        cluster.certificate_authority_data.as_deref(),
        cluster.certificate_authority.as_deref(),
    )?;
    if authority.is_some() && config.accept_invalid_certs {
        return Err(configuration(
            "specifying a root certificates file with the insecure flag is not allowed",
        ));
    }
    config.root_cert = authority.as_deref().map(certificates).transpose()?;
    let address = match &cluster.proxy_url {
        Some(address) if !address.is_empty() => Some(address.as_str()),
        _ => proxy::from_environment(&settings.environment, &config.cluster_url),
    };
    config.proxy_url = address
        .map(proxy::parse)
        .transpose()
        .map_err(configuration)?;
    Ok(())
}

fn log_in(
    config: &mut kube::Config,
    settings: &ConnectionSettings,
    chosen: &Chosen,
) -> Result<Option<Plugin>, ObjectsError> {
    let user = &chosen.user;
    let name = &chosen.user_name;
    let certificate = material(
        "client-cert",
        name,
        user.client_certificate_data.as_deref(),
        user.client_certificate.as_deref(),
    )?;
    let key_data = user
        .client_key_data
        .as_ref()
        .map(SecretString::expose_secret);
    let key = material("client-key", name, key_data, user.client_key.as_deref())?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            set_certificate(&mut config.auth_info, &certificate, &key);
        }
        (None, None) => {}
        (Some(_), None) => {
            return Err(configuration(format!(
                "client-key-data or client-key must be specified for {name} to use the clientCert \
                 authentication method"
            )));
        }
        (None, Some(_)) => {
            return Err(configuration(format!(
                "client-cert-data or client-cert must be specified for {name} to use the \
                 clientCert authentication method"
            )));
        }
    }
    let target = &mut config.auth_info;
    target.username.clone_from(&user.username);
    target.password.clone_from(&user.password);
    target.token = user
        .token
        .clone()
        .filter(|token| !token.expose_secret().is_empty());
    target.auth_provider.clone_from(&user.auth_provider);
    if let (None, Some(file)) = (&target.token, &user.token_file) {
        target.token = Some(read_token(Path::new(file))?);
    }
    // A token in the entry spares the plugin, as in kubectl.
    let Some(exec) = user.exec.as_ref().filter(|_| target.token.is_none()) else {
        return Ok(None);
    };
    let mut exec = exec.clone();
    if exec.provide_cluster_info {
        exec.cluster =
            Some((&chosen.cluster).try_into().map_err(
                |error: kube::config::KubeconfigError| configuration(error.to_string()),
            )?);
    }
    Plugin::check(&exec, name, settings.environment.interactive).map(Some)
}

/// Sets a client certificate in the form that the client library reads.
pub(super) fn set_certificate(user: &mut AuthInfo, certificate: &[u8], key: &[u8]) {
    user.client_certificate_data = Some(STANDARD.encode(certificate));
    user.client_key_data = Some(SecretString::from(STANDARD.encode(key)));
}

fn impersonate(
    config: &mut kube::Config,
    settings: &ConnectionSettings,
    chosen: &Chosen,
) -> Result<(), ObjectsError> {
    let entry = &chosen.user;
    let user = &mut config.auth_info;
    user.impersonate = settings
        .impersonate_user
        .clone()
        .or_else(|| entry.impersonate.clone())
        .filter(|name| !name.is_empty());
    user.impersonate_uid = settings
        .impersonate_uid
        .clone()
        .or_else(|| entry.impersonate_uid.clone())
        .filter(|uid| !uid.is_empty());
    user.impersonate_groups = if settings.impersonate_groups.is_empty() {
        entry.impersonate_groups.clone()
    } else {
        Some(settings.impersonate_groups.clone())
    };
    user.impersonate_user_extra = if settings.impersonate_extra.is_empty() {
        entry.impersonate_user_extra.clone()
    } else {
        let mut extra = std::collections::HashMap::<String, Vec<String>>::new();
        for (name, value) in &settings.impersonate_extra {
            extra.entry(name.clone()).or_default().push(value.clone());
        }
        Some(extra)
    };
    let further = user.impersonate_uid.is_some()
        || user
            .impersonate_groups
            .as_ref()
            .is_some_and(|list| !list.is_empty())
        || user
            .impersonate_user_extra
            .as_ref()
            .is_some_and(|map| !map.is_empty());
    if further && user.impersonate.is_none() {
        return Err(configuration(format!(
            "requesting uid, groups or user-extra for {} without impersonating a user",
            chosen.user_name
        )));
    }
    Ok(())
}

fn common(config: &mut kube::Config, settings: &ConnectionSettings) -> Result<(), ObjectsError> {
    // The library's own repetitions hold a program for minutes; see the session for ours.
    config.default_retry = false;
    config.disable_compression |= settings.disable_compression;
    let agent = HeaderValue::from_str(&settings.user_agent)
        .map_err(|error| configuration(format!("user agent: {error}")))?;
    config.headers.push((header::USER_AGENT, agent));
    Ok(())
}

/// The API server's address in a pod that has an account.
fn in_cluster_server(settings: &ConnectionSettings) -> Option<String> {
    let environment = &settings.environment;
    let host = environment.text("KUBERNETES_SERVICE_HOST")?;
    let port = environment.text("KUBERNETES_SERVICE_PORT")?;
    environment.service_account.join("token").exists().then(|| {
        if host.contains(':') {
            format!("https://[{host}]:{port}")
        } else {
            format!("https://{host}:{port}")
        }
    })
}

fn in_cluster(settings: &ConnectionSettings, server: &str) -> Result<Target, ObjectsError> {
    let folder = &settings.environment.service_account;
    let mut config = kube::Config::new(server_uri(server, true)?);
    let file = folder.join("ca.crt");
    let file = file.to_string_lossy();
    let authority = material("certificate-authority", "the pod", None, Some(&file))?;
    config.root_cert = authority.as_deref().map(certificates).transpose()?;
    config.proxy_url = proxy::from_environment(&settings.environment, &config.cluster_url)
        .map(proxy::parse)
        .transpose()
        .map_err(configuration)?;
    if let Some(token) = &settings.token {
        config.auth_info.token = Some(SecretString::from(token.expose().clone()));
    } else {
        config.auth_info.token = Some(read_token(&folder.join("token"))?);
    }
    impersonate(&mut config, settings, &Chosen::default())?;
    common(&mut config, settings)?;
    Ok(Target {
        config,
        plugin: None,
        renewable: settings.token.is_none(),
        unconfigured: false,
    })
}

/// Inline data wins over a file; neither is `None`.
fn material(
    what: &str,
    owner: &str,
    data: Option<&str>,
    file: Option<&str>,
) -> Result<Option<Vec<u8>>, ObjectsError> {
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let compact: String = data.split_ascii_whitespace().collect();
        return STANDARD.decode(compact).map(Some).map_err(|_| {
            configuration(format!(
                "unable to read {what}-data for {owner}: not base64"
            ))
        });
    }
    let Some(file) = file.filter(|file| !file.is_empty()) else {
        return Ok(None);
    };
    std::fs::read(file).map(Some).map_err(|error| {
        configuration(format!(
            "unable to read {what} {file} for {owner} due to open {file}: {}",
            words(&error)
        ))
    })
}

/// A token file, without the newline that editors and projected volumes put at its end.
fn read_token(file: &Path) -> Result<SecretString, ObjectsError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| configuration(format!("open {}: {}", file.display(), words(&error))))?;
    Ok(SecretString::from(text.trim()))
}

fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, ObjectsError> {
    let unreadable =
        || configuration("unable to load root certificates: unable to parse bytes as PEM block");
    let found: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(pem)
        .map(|certificate| certificate.map(|certificate| certificate.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|_| unreadable())?;
    if found.is_empty() {
        return Err(unreadable());
    }
    Ok(found)
}

/// The system's words for the commonest failures, as kubectl prints them.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
