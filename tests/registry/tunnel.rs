//! A proxy that carries TLS: `CONNECT` and then bytes in both directions.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Serves until the test process ends.
pub(crate) struct TunnelProxy {
    pub(crate) address: SocketAddr,
    /// Request lines, and the value of `Proxy-Authorization`.
    seen: Arc<Mutex<Vec<(String, Option<String>)>>>,
}

impl TunnelProxy {
    /// A proxy that wants this `Proxy-Authorization`.
    pub(crate) fn start(wanted: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                thread::spawn(move || carry(client, wanted, &log));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn seen(&self) -> Vec<(String, Option<String>)> {
        self.seen.lock().expect("the log").clone()
    }
}

fn carry(
    mut client: TcpStream,
    wanted: &str,
    log: &Mutex<Vec<(String, Option<String>)>>,
) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut login = None;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("proxy-authorization") => {
                login = Some(value.to_owned());
            }
            Some(_) => {}
            None => break,
        }
    }
    let first = first.trim_end().to_owned();
    log.lock().ok()?.push((first.clone(), login.clone()));
    let refuse = |client: &mut TcpStream, status: &str| {
        let _ = write!(client, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        None
    };
    if login.as_deref() != Some(wanted) {
        return refuse(&mut client, "407 Proxy Authentication Required");
    }
    let Some(target) = first
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next())
    else {
        return refuse(&mut client, "400 Bad Request");
    };
    let Ok(server) = TcpStream::connect(target) else {
        return refuse(&mut client, "502 Bad Gateway");
    };
    client
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .ok()?;
    exchange(reader, client, server)
}

/// Carries bytes in both directions until both are done.
fn exchange(
    mut reader: BufReader<TcpStream>,
    mut back: TcpStream,
    server: TcpStream,
) -> Option<()> {
    let (mut up, mut down) = (server.try_clone().ok()?, server);
    let upwards = thread::spawn(move || {
        let _ = std::io::copy(&mut reader, &mut up);
        let _ = up.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut down, &mut back);
    let _ = back.shutdown(std::net::Shutdown::Both);
    upwards.join().ok()
}

/// A port that carries TLS to a server and sends plain callers to https on itself.
pub(crate) fn upgrading_port(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || upgrade(client, address, server));
        }
    });
    address
}

fn upgrade(mut client: TcpStream, address: SocketAddr, server: SocketAddr) -> Option<()> {
    let mut first = [0];
    client.peek(&mut first).ok()?;
    let mut reader = BufReader::new(client.try_clone().ok()?);
    if first[0] == 0x16 {
        return exchange(reader, client, TcpStream::connect(server).ok()?);
    }
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut header = String::from("x");
    while !header.trim_end().is_empty() {
        header.clear();
        reader.read_line(&mut header).ok()?;
    }
    write!(
        client,
        "HTTP/1.1 301 Moved Permanently\r\nLocation: https://{address}{path}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .ok()
}
