//! A small HTTP/1.1 server inside the test process: one thread per connection, every request
//! logged, and answers that can be delivered as badly as a test wants.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// One request as it arrived.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Number of the connection, from 1.
    pub connection: usize,
    pub method: String,
    /// Path and query, or an absolute URL when a proxy is asked.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(&self.target, |(path, _)| path)
    }

    /// First value of a query parameter, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        parameter(self.target.split_once('?')?.1, name)
    }

    /// Every value of a query parameter, decoded.
    pub fn query_all(&self, name: &str) -> Vec<String> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        parameters(query)
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value)
            .collect()
    }

    /// A field of a form in the body.
    pub fn form(&self, name: &str) -> Option<String> {
        parameter(&String::from_utf8_lossy(&self.body), name)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

fn parameters(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split('&').map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    })
}

fn parameter(text: &str, name: &str) -> Option<String> {
    parameters(text)
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = tail;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How the bytes of an answer reach the client.
#[derive(Clone, Debug, Default)]
pub enum Delivery {
    /// With `Content-Length`, at once.
    #[default]
    Whole,
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Full `Content-Length`, but the connection ends after so many bytes of the body.
    CutAfter(usize),
    /// So many bytes of the body at a time, with a pause before each.
    Trickle { bytes: usize, pause: Duration },
    /// Nothing is ever sent.
    Silence,
    /// The connection is closed without an answer.
    Close,
}

#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub delivery: Delivery,
}

impl Answer {
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".into(), content_type.into())],
            body: body.into(),
            delivery: Delivery::Whole,
        }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn delivered(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }
}

pub type Handler = dyn Fn(&Request) -> Answer + Send + Sync;

struct Shared {
    handler: Box<Handler>,
    tls: Option<Arc<ServerConfig>>,
    log: Mutex<Vec<Request>>,
    connections: AtomicUsize,
    failed_hellos: AtomicUsize,
    stop: AtomicBool,
}

/// Stops listening when dropped.
pub struct HttpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl HttpServer {
    /// Listens on a free port of `ip`.
    pub fn start(
        ip: IpAddr,
        tls: Option<Arc<ServerConfig>>,
        handler: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((ip, 0)).expect("a free port");
        Self::serve(listener, tls, handler)
    }

    /// Serves on a listener, for handlers that need to know the address beforehand.
    pub fn serve(
        listener: TcpListener,
        tls: Option<Arc<ServerConfig>>,
        handler: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            tls,
            log: Mutex::default(),
            connections: AtomicUsize::new(0),
            failed_hellos: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&accepting);
                let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
                thread::spawn(move || connection(&shared, stream, number));
            }
        });
        Self { address, shared }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request since the start or the last [`HttpServer::clear`].
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).clone()
    }

    /// Connections since the start, those of failed hellos included.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Connections that spoke TLS to a plain server, plain HTTP to a TLS server, or gave up in
    /// the TLS handshake.
    pub fn failed_hellos(&self) -> usize {
        self.shared.failed_hellos.load(Ordering::SeqCst)
    }

    pub fn clear(&self) {
        lock(&self.shared.log).clear();
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees the flag.
        let _ = TcpStream::connect(self.address);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connection(shared: &Shared, mut stream: TcpStream, number: usize) {
    let _ = stream.set_nodelay(true);
    let mut first = [0];
    if !matches!(stream.peek(&mut first), Ok(1)) {
        return;
    }
    let hello = first[0] == 0x16;
    match &shared.tls {
        None if hello => refuse(shared, stream, "Bad Request"),
        None => {
            let Ok(reader) = stream.try_clone() else {
                return;
            };
            converse(shared, &mut Duplex::new(reader, stream), number);
        }
        Some(_) if !hello => refuse(
            shared,
            stream,
            "Client sent an HTTP request to an HTTPS server.\n",
        ),
        Some(tls) => {
            let Ok(mut session) = ServerConnection::new(Arc::clone(tls)) else {
                return;
            };
            while session.is_handshaking() {
                if session.complete_io(&mut stream).is_err() {
                    shared.failed_hellos.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
            converse(
                shared,
                &mut BufReader::new(StreamOwned::new(session, stream)),
                number,
            );
        }
    }
}

/// Answers as Go's server does when the client's first bytes are of the wrong protocol.
fn refuse(shared: &Shared, mut stream: TcpStream, text: &str) {
    shared.failed_hellos.fetch_add(1, Ordering::SeqCst);
    let mut heard = [0; 2048];
    let _ = stream.read(&mut heard);
    let _ = write!(
        stream,
        "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n{text}"
    );
    let _ = stream.shutdown(Shutdown::Both);
}

/// A reader and a writer over one connection.
trait Channel: BufRead {
    fn send(&mut self, bytes: &[u8]) -> std::io::Result<()>;
    fn close(&mut self);
}

struct Duplex {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Duplex {
    fn new(reader: TcpStream, writer: TcpStream) -> Self {
        Self {
            reader: BufReader::new(reader),
            writer,
        }
    }
}

impl Read for Duplex {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl BufRead for Duplex {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}

impl Channel for Duplex {
    fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.writer.write_all(bytes)
    }

    fn close(&mut self) {
        let _ = self.writer.shutdown(Shutdown::Both);
    }
}

impl Channel for BufReader<StreamOwned<ServerConnection, TcpStream>> {
    fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.get_mut().write_all(bytes)?;
        self.get_mut().flush()
    }

    fn close(&mut self) {
        let _ = self.get_mut().sock.shutdown(Shutdown::Both);
    }
}

fn converse(shared: &Shared, channel: &mut impl Channel, number: usize) {
    while let Some(request) = read_request(channel, number) {
        lock(&shared.log).push(request.clone());
        let answer = (shared.handler)(&request);
        if !deliver(channel, &request, &answer).unwrap_or(false) {
            break;
        }
    }
    channel.close();
}

fn read_request(channel: &mut impl Channel, connection: usize) -> Option<Request> {
    let mut line = String::new();
    channel.read_line(&mut line).ok().filter(|&read| read > 0)?;
    let mut words = line.split_whitespace();
    let mut request = Request {
        connection,
        method: words.next()?.to_owned(),
        target: words.next()?.to_owned(),
        ..Request::default()
    };
    loop {
        let mut line = String::new();
        channel.read_line(&mut line).ok().filter(|&read| read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        request
            .headers
            .push((name.to_owned(), value.trim().to_owned()));
    }
    let length = request
        .header("content-length")
        .and_then(|text| text.parse().ok());
    if let Some(length) = length {
        request.body.resize(length, 0);
        channel.read_exact(&mut request.body).ok()?;
    }
    Some(request)
}

/// Sends an answer; whether the connection can take another request.
fn deliver(
    channel: &mut impl Channel,
    request: &Request,
    answer: &Answer,
) -> std::io::Result<bool> {
    let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let declared = answer
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let chunked = matches!(answer.delivery, Delivery::Chunked) && request.method != "HEAD";
    if chunked {
        head += "Transfer-Encoding: chunked\r\n";
    } else if !declared && answer.status != 304 && answer.status != 204 {
        head += &format!("Content-Length: {}\r\n", answer.body.len());
    }
    head += "\r\n";
    if request.method == "HEAD" && !matches!(answer.delivery, Delivery::Silence | Delivery::Close) {
        channel.send(head.as_bytes())?;
        return Ok(true);
    }
    match answer.delivery {
        Delivery::Whole => {
            let mut bytes = head.into_bytes();
            bytes.extend_from_slice(&answer.body);
            channel.send(&bytes)?;
        }
        Delivery::Chunked => {
            channel.send(head.as_bytes())?;
            for chunk in answer.body.chunks(4096) {
                let mut bytes = format!("{:x}\r\n", chunk.len()).into_bytes();
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
                channel.send(&bytes)?;
            }
            channel.send(b"0\r\n\r\n")?;
        }
        Delivery::CutAfter(length) => {
            channel.send(head.as_bytes())?;
            channel.send(&answer.body[..length.min(answer.body.len())])?;
            return Ok(false);
        }
        Delivery::Trickle { bytes, pause } => {
            channel.send(head.as_bytes())?;
            for chunk in answer.body.chunks(bytes.max(1)) {
                thread::sleep(pause);
                channel.send(chunk)?;
            }
        }
        Delivery::Silence => {
            // Ends when the client goes away.
            let mut heard = [0; 64];
            while channel.read(&mut heard)? > 0 {}
            return Ok(false);
        }
        Delivery::Close => return Ok(false),
    }
    Ok(true)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Request Entity Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
