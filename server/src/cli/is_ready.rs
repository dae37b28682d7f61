//! `keyslot-server is-ready`.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use super::error::StartupError;

/// Asks the server that listens on this port.
pub(super) fn run(listen: SocketAddr) -> Result<(), StartupError> {
    const PATIENCE: Duration = Duration::from_secs(4);
    let ask = || -> std::io::Result<String> {
        let own = match listen.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let address = SocketAddr::new(own, listen.port());
        let mut socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        write!(socket, "GET /ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer =
        ask().map_err(|error| StartupError::because(&format!("no answer on {listen}"), error))?;
    match answer.split(' ').nth(1) {
        Some("200") => Ok(()),
        other => Err(StartupError(format!("not ready: status {}", other.unwrap_or("unknown")))),
    }
}
