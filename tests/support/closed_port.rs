//! An address on which nobody listens.

use std::net::SocketAddr;

/// A port of this machine that refuses connections. It stays bound, without listening, until the
/// test process ends: a port that is given back may be somebody else's a moment later.
pub fn closed_port() -> SocketAddr {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket
        .bind(([127, 0, 0, 1], 0).into())
        .expect("a free port");
    let address = socket.local_addr().expect("an address");
    std::mem::forget(socket);
    address
}
