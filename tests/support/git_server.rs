//! A smart-HTTP Git server inside the test: `git http-backend` behind a small HTTP/1.1 front.
//!
//! Everything is `git`'s own work except the connection handling, which logs each request with its
//! exact bytes and can be told to misbehave: cut replies, lose them, answer something else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;

/// One request as the server saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub status: u16,
    /// Head and body, as received.
    pub received: u64,
    /// Head and body, as sent.
    pub sent: u64,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
    pub authorization: Option<String>,
    pub protocol: Option<String>,
}

/// What to do with one request instead of serving it.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Serve it, but close the connection after so many bytes of the reply's body.
    CutReply(usize),
    /// Serve it, but close the connection without any reply.
    LoseReply,
    /// Close the connection before the request reaches git.
    Refuse,
    /// Answer this.
    Answer {
        status: u16,
        content_type: &'static str,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// Serve it, but flip bits of the byte so far behind the beginning of a pack.
    CorruptPack(usize),
    /// Take it and say nothing until the server stops.
    Silence,
    /// Serve it, but say nothing until the server stops.
    ServeInSilence,
}

/// The head of a request, for fault hooks.
#[derive(Clone, Debug)]
pub struct RequestHead {
    pub method: String,
    pub target: String,
    /// How many requests came before this one.
    pub number: usize,
}

impl RequestHead {
    /// Whether this is the given POST, for example `git-receive-pack`.
    pub fn posts(&self, service: &str) -> bool {
        self.method == "POST" && self.target.ends_with(service)
    }

    /// Whether this asks for the references of a service.
    pub fn advertises(&self, service: &str) -> bool {
        self.method == "GET" && self.target.ends_with(&format!("service={service}"))
    }
}

type FaultHook = dyn Fn(&RequestHead) -> Option<Fault> + Send + Sync;

/// How the server behaves.
#[derive(Clone, Default)]
pub struct Settings {
    /// Name and password that every request must carry.
    pub basic: Option<(String, String)>,
    /// Only requests below this path need it.
    pub basic_below: Option<String>,
    /// A bearer token that every request must carry.
    pub bearer: Option<String>,
    /// Answer protocol v0 whatever the client asks for.
    pub old_protocol: bool,
    /// What git is told of the protocol, whatever the client asks for.
    pub forced_protocol: Option<&'static str>,
    /// No file can be written any more.
    pub full_disk: bool,
    /// Decides about each request whether and how it goes wrong.
    pub faults: Option<Arc<FaultHook>>,
    /// TLS, when wanted.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// How long a request may take to be answered.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Default)]
struct Log {
    entries: Vec<Logged>,
    /// Entries so far, those handed over included.
    written: usize,
}

struct Shared {
    root: PathBuf,
    settings: Mutex<Settings>,
    log: Mutex<Log>,
    arrived: AtomicUsize,
    logged: Condvar,
    stopping: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

/// A running server. Stops on drop.
pub struct GitServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

impl GitServer {
    /// Serves the bare repositories below `root`.
    pub fn start(root: impl Into<PathBuf>, settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            root: root.into(),
            settings: Mutex::new(settings),
            log: Mutex::default(),
            arrived: AtomicUsize::new(0),
            logged: Condvar::new(),
            stopping: AtomicBool::new(false),
            open: Mutex::default(),
        });
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self {
            shared,
            address,
            acceptor: Some(acceptor),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http(s)://127.0.0.1:PORT/NAME.git`.
    pub fn url(&self, name: &str) -> String {
        let scheme = if self.shared.settings.lock().unwrap().tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}/{name}.git", self.address)
    }

    /// Changes the behaviour from the next request on.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.shared.settings.lock().unwrap());
    }

    /// Installs a fault hook.
    pub fn fault(&self, hook: impl Fn(&RequestHead) -> Option<Fault> + Send + Sync + 'static) {
        self.set(|settings| settings.faults = Some(Arc::new(hook)));
    }

    /// The requests so far, in the order of their end.
    pub fn log(&self) -> Vec<Logged> {
        self.whole_log().entries.clone()
    }

    /// Hands over the requests so far and forgets them.
    pub fn take_log(&self) -> Vec<Logged> {
        std::mem::take(&mut self.whole_log().entries)
    }

    /// The log, once every request that arrived is in it: a client has its answer a moment earlier.
    fn whole_log(&self) -> MutexGuard<'_, Log> {
        let log = self.shared.log.lock().unwrap();
        let arrived = self.shared.arrived.load(Ordering::SeqCst);
        let (log, waited) = self
            .shared
            .logged
            .wait_timeout_while(log, PATIENCE, |log| log.written < arrived)
            .unwrap();
        assert!(!waited.timed_out(), "a request is not answered");
        log
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, stream) in listener.incoming().enumerate() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let _ = stream.set_nodelay(true);
        if let Ok(copy) = stream.try_clone() {
            shared.open.lock().unwrap().push(copy);
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            let tls = shared.settings.lock().unwrap().tls.clone();
            let closing = stream.try_clone();
            let _ = match tls {
                None => serve(stream, &shared, number),
                Some(configuration) => rustls::ServerConnection::new(configuration)
                    .map_err(std::io::Error::other)
                    .and_then(|connection| {
                        serve(
                            rustls::StreamOwned::new(connection, stream),
                            &shared,
                            number,
                        )
                    }),
            };
            if let Ok(stream) = closing {
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
    }
}

/// Counts what passes through.
struct Counted<S> {
    stream: S,
    read: u64,
    written: u64,
}

impl<S: Read> Read for Counted<S> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.read += count as u64;
        Ok(count)
    }
}

impl<S: Write> Write for Counted<S> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let count = self.stream.write(buffer)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

fn serve<S: Read + Write>(stream: S, shared: &Shared, connection: usize) -> std::io::Result<()> {
    let mut stream = BufReader::new(Counted {
        stream,
        read: 0,
        written: 0,
    });
    loop {
        let read = stream.get_ref().read - stream.buffer().len() as u64;
        let written = stream.get_ref().written;
        let Some(request) = Request::read(&mut stream)? else {
            return Ok(());
        };
        let number = shared.arrived.fetch_add(1, Ordering::SeqCst);
        let settings = shared.settings.lock().unwrap().clone();
        let fault = settings.faults.as_ref().and_then(|hook| {
            hook(&RequestHead {
                method: request.method.clone(),
                target: request.target.clone(),
                number,
            })
        });
        let silent = matches!(fault, Some(Fault::Silence | Fault::ServeInSilence));
        let outcome = answer(&mut stream, &request, &settings, fault, &shared.root);
        let status = *outcome.as_ref().unwrap_or(&0);
        let mut log = shared.log.lock().unwrap();
        log.entries.push(Logged {
            method: request.method.clone(),
            target: request.target.clone(),
            status,
            received: stream.get_ref().read - stream.buffer().len() as u64 - read,
            sent: stream.get_ref().written - written,
            connection,
            authorization: request.header("authorization").map(ToOwned::to_owned),
            protocol: request.header("git-protocol").map(ToOwned::to_owned),
        });
        log.written += 1;
        drop(log);
        shared.logged.notify_all();
        if silent {
            // Until the client gives up, or the server stops and closes the connection.
            std::io::copy(&mut stream, &mut std::io::sink())?;
        }
        outcome?;
    }
}

struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn read<S: Read + Write>(stream: &mut BufReader<Counted<S>>) -> std::io::Result<Option<Self>> {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace().map(ToOwned::to_owned);
        let mut request = Self {
            method: words.next().unwrap_or_default(),
            target: words.next().unwrap_or_default(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((key, value)) = line.split_once(':') {
                let pair = (key.to_ascii_lowercase(), value.trim().to_owned());
                request.headers.push(pair);
            }
        }
        if request.header("expect").is_some() {
            stream
                .get_mut()
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if request.header("transfer-encoding") == Some("chunked") {
            loop {
                let mut size = String::new();
                stream.read_line(&mut size)?;
                let size = usize::from_str_radix(size.trim(), 16).map_err(std::io::Error::other)?;
                let start = request.body.len();
                request.body.resize(start + size, 0);
                stream.read_exact(&mut request.body[start..])?;
                stream.read_line(&mut String::new())?;
                if size == 0 {
                    break;
                }
            }
        } else if let Some(length) = request.header("content-length") {
            let length = length.parse().map_err(std::io::Error::other)?;
            request.body.resize(length, 0);
            stream.read_exact(&mut request.body)?;
        }
        Ok(Some(request))
    }
}

/// Answers one request and returns the status. An error closes the connection.
fn answer<S: Read + Write>(
    stream: &mut BufReader<Counted<S>>,
    request: &Request,
    settings: &Settings,
    fault: Option<Fault>,
    root: &std::path::Path,
) -> std::io::Result<u16> {
    let out = stream.get_mut();
    let expected = match (&settings.basic, &settings.bearer) {
        (Some((name, password)), _) => Some(format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"))
        )),
        (None, Some(token)) => Some(format!("Bearer {token}")),
        (None, None) => None,
    };
    let expected = expected.filter(|_| {
        let below = settings.basic_below.as_deref();
        below.is_none_or(|path| request.target.starts_with(path))
    });
    match &fault {
        Some(Fault::Refuse | Fault::Silence) => {
            return Err(std::io::Error::other("refused by the test"));
        }
        Some(Fault::Answer {
            status,
            content_type,
            headers,
            body,
        }) => {
            let mut head = format!(
                "HTTP/1.1 {status} Status\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n",
                body.len()
            );
            for (key, value) in headers {
                head += &format!("{key}: {value}\r\n");
            }
            out.write_all(format!("{head}\r\n{body}").as_bytes())?;
            return Ok(*status);
        }
        _ => {}
    }
    if expected.is_some() && request.header("authorization") != expected.as_deref() {
        let challenge = if settings.basic.is_some() {
            "Basic realm=\"git\""
        } else {
            "Bearer"
        };
        write!(
            out,
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {challenge}\r\nContent-Length: 0\r\n\r\n"
        )?;
        return Ok(401);
    }
    run_backend(out, request, settings, fault, root, expected.is_some())
}

fn run_backend(
    out: &mut impl Write,
    request: &Request,
    settings: &Settings,
    fault: Option<Fault>,
    root: &std::path::Path,
    authenticated: bool,
) -> std::io::Result<u16> {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(if settings.full_disk {
            // The signal would end git before it can say what is wrong.
            "trap '' XFSZ; ulimit -f 0; exec git http-backend"
        } else {
            "exec git http-backend"
        })
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("HOME", root)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &request.method)
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if authenticated {
        command.env("REMOTE_USER", "tester");
    }
    for (header, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("git-protocol", "HTTP_GIT_PROTOCOL"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
    ] {
        match request.header(header) {
            Some(_) if header == "git-protocol" && settings.old_protocol => {}
            Some(value) => drop(command.env(variable, value)),
            None => {}
        }
    }
    if let Some(protocol) = settings.forced_protocol {
        command.env("HTTP_GIT_PROTOCOL", protocol);
    }
    let mut child = command.spawn().expect("git must be installed");
    let mut input = child.stdin.take().unwrap();
    let body = request.body.clone();
    let feeder = std::thread::spawn(move || input.write_all(&body));
    let mut reply = BufReader::new(child.stdout.take().unwrap());
    let mut status = String::from("200 OK");
    let mut headers = String::new();
    loop {
        let mut line = String::new();
        if reply.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        match line.strip_prefix("Status: ") {
            Some(text) => status = text.trim_end().to_owned(),
            None => headers += &line,
        }
    }
    let result = if matches!(fault, Some(Fault::LoseReply | Fault::ServeInSilence)) {
        std::io::copy(&mut reply, &mut std::io::sink())?;
        Err(std::io::Error::other("reply lost by the test"))
    } else {
        write!(
            out,
            "HTTP/1.1 {status}\r\n{headers}Transfer-Encoding: chunked\r\n\r\n"
        )?;
        copy_chunks(&mut reply, out, fault)
    };
    if result.is_err() {
        // The client is gone or was cut off: a real front end closes the pipe, and git dies of it.
        drop(reply);
    }
    let _ = feeder.join();
    let _ = child.wait();
    result.map(|()| status[..3].parse().unwrap_or(0))
}

fn copy_chunks(
    from: &mut impl Read,
    to: &mut impl Write,
    fault: Option<Fault>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    let mut passed = 0;
    // Where the byte to corrupt is, counted from the beginning of the reply.
    let mut corrupted = None;
    loop {
        let count = from.read(&mut buffer)?;
        let mut chunk = &mut buffer[..count];
        match fault {
            Some(Fault::CutReply(limit)) if passed + count > limit => {
                chunk = &mut chunk[..limit - passed];
                write!(to, "{:x}\r\n", count)?;
                to.write_all(chunk)?;
                to.flush()?;
                return Err(std::io::Error::other("reply cut by the test"));
            }
            Some(Fault::CorruptPack(offset)) => {
                if corrupted.is_none() {
                    let start = chunk.windows(4).position(|four| four == b"PACK");
                    corrupted = start.map(|start| passed + start + offset);
                }
                let here = corrupted.and_then(|at| at.checked_sub(passed));
                if let Some(byte) = here.and_then(|at| chunk.get_mut(at)) {
                    *byte ^= 0x55;
                }
            }
            _ => {}
        }
        passed += count;
        write!(to, "{count:x}\r\n")?;
        to.write_all(chunk)?;
        to.write_all(b"\r\n")?;
        to.flush()?;
        if count == 0 {
            return Ok(());
        }
    }
}
