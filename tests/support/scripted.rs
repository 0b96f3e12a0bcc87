//! An HTTP server that answers what a test says, for what a real API server cannot be made to do.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test program uses a part of it"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request: `GET /path`, its headers as text, its body.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub line: String,
    pub headers: String,
    pub body: String,
}

/// What to send back.
pub enum Answer {
    /// Status, content type and body.
    Body(u16, &'static str, String),
    /// Status, further header lines and body.
    Headers(u16, &'static str, String),
    /// Exactly these bytes, then the connection is closed.
    Raw(Vec<u8>),
    /// Nothing, for as long as the client waits.
    Silence,
}

/// A JSON answer.
pub fn json(status: u16, body: &serde_json::Value) -> Answer {
    Answer::Body(status, "application/json", body.to_string())
}

/// A running server; its thread ends with the process.
pub struct Scripted {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Scripted {
    /// Answers the n-th request (from 0) with what `answer` gives.
    pub fn start(answer: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        let all = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, answer) = (Arc::clone(&all), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &seen, answer.as_ref()));
            }
        });
        Self { url, seen }
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no test panics here").clone()
    }

    /// The request lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<Seen>>, answer: &dyn Fn(usize, &Seen) -> Answer) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    let mut stream = stream;
    while let Some(request) = read_request(&mut reader) {
        let number = {
            let mut seen = seen.lock().expect("no test panics here");
            seen.push(request.clone());
            seen.len() - 1
        };
        let written = match answer(number, &request) {
            Answer::Body(status, kind, body) => write_answer(
                &mut stream,
                status,
                &format!("content-type: {kind}\r\n"),
                &body,
            ),
            Answer::Headers(status, headers, body) => {
                write_answer(&mut stream, status, headers, &body)
            }
            Answer::Raw(bytes) => {
                let _ = stream.write_all(&bytes);
                let _ = stream.shutdown(std::net::Shutdown::Both);
                return;
            }
            Answer::Silence => {
                // Reads until the client gives up.
                let _ = reader.read_to_end(&mut Vec::new());
                return;
            }
        };
        if written.is_err() {
            return;
        }
    }
}

fn write_answer(
    stream: &mut TcpStream,
    status: u16,
    headers: &str,
    body: &str,
) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut headers = String::new();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
        headers.push_str(&header.to_ascii_lowercase());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen {
        line,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}
