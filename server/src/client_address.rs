//! Which address a request comes from: the other end of the connection, unless that is a proxy that the
//! operator has named; then what the proxy says in `X-Forwarded-For`. Anybody can send that header, so
//! from anybody else it means nothing. `Forwarded` (RFC 7239) is not read: a proxy that sets one of the
//! two passes the other on as it came from the client.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use http::{Extensions, HeaderMap};
use ipnet::IpNet;

use crate::listener::Peer;

const FORWARDED: &str = "x-forwarded-for";

/// The address of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address that [`crate::envelope::wrap`] found out; none when the request came by no socket.
    pub fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied()
    }

    /// What the proxies in `trusted` say, back to the first address that is none of theirs.
    pub(crate) fn find(trusted: &[IpNet], peer: Peer, headers: &HeaderMap) -> Self {
        let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
        let mut address = canonical(peer.0);
        if trusted.is_empty() {
            return Self(address);
        }
        // Each proxy writes behind what it was sent, so the last entry is the nearest.
        let lines: Vec<&str> =
            headers.get_all(FORWARDED).iter().filter_map(|line| line.to_str().ok()).collect();
        let mut entries = lines.iter().rev().flat_map(|line| line.rsplit(','));
        while is_trusted(&address) {
            match entries.next().and_then(parse) {
                Some(before) => address = before,
                None => break,
            }
        }
        Self(address)
    }

    /// The part by which clients are told apart: an IPv6 client has a whole /64 to choose from.
    pub(crate) fn network(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
            }
        }
    }

    /// The most that a site with IPv6 is usually given, 65,536 of these networks
    /// (<https://www.rfc-editor.org/rfc/rfc6177#section-1>).
    pub(crate) fn site(self) -> Option<IpAddr> {
        match self.0 {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => {
                Some(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 80))))
            }
        }
    }

    /// Of requests that came by no socket: they share one.
    pub(crate) fn unknown() -> Self {
        Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An entry of the header; some proxies add the port.
fn parse(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let address = entry
        .parse()
        .or_else(|_| entry.parse::<std::net::SocketAddr>().map(|socket| socket.ip()))
        .ok()?;
    Some(canonical(address))
}

/// An IPv4 client on a socket for both is still an IPv4 client.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn found(trusted: &[&str], peer: &str, lines: &[&str]) -> String {
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED, HeaderValue::from_str(line).unwrap());
        }
        ClientAddress::find(&trusted, Peer(peer.parse().unwrap()), &headers).to_string()
    }

    #[test]
    fn the_header_counts_only_from_a_named_proxy_and_only_its_own_entry() {
        assert_eq!(found(&[], "10.0.0.9", &["1.1.1.1"]), "10.0.0.9");
        assert_eq!(found(&["10.0.0.0/8"], "192.0.2.7", &["1.1.1.1"]), "192.0.2.7");
        assert_eq!(found(&["10.0.0.0/8"], "10.0.0.9", &["198.51.100.4"]), "198.51.100.4");
        // What the client itself had sent stands before, and is not believed.
        assert_eq!(found(&["10.0.0.0/8"], "10.0.0.9", &["1.1.1.1, 198.51.100.4"]), "198.51.100.4");
        assert_eq!(
            found(&["10.0.0.0/8"], "10.0.0.9", &["1.1.1.1", "198.51.100.4"]),
            "198.51.100.4"
        );
        assert_eq!(
            found(&["10.0.0.0/8"], "10.0.0.9", &["1.1.1.1, 198.51.100.4, 10.0.0.8"]),
            "198.51.100.4",
            "through two proxies"
        );
    }

    #[test]
    fn what_cannot_be_read_ends_the_way_back() {
        for line in ["", "unknown", "1.1.1.1, _hidden", "::1::2"] {
            assert_eq!(found(&["10.0.0.0/8"], "10.0.0.9", &[line]), "10.0.0.9", "{line}");
        }
        assert_eq!(found(&["10.0.0.0/8"], "10.0.0.9", &[]), "10.0.0.9");
        assert_eq!(found(&["10.0.0.0/8"], "10.0.0.9", &["10.0.0.1"]), "10.0.0.1", "all are ours");
        assert_eq!(found(&["10.0.0.0/8"], "10.0.0.9", &["198.51.100.4:4711"]), "198.51.100.4");
        assert_eq!(found(&["fd00::/8"], "fd00::1", &["[2001:db8::1]:80"]), "2001:db8::1");
        assert_eq!(found(&["10.0.0.0/8"], "::ffff:10.0.0.9", &["198.51.100.4"]), "198.51.100.4");
    }

    #[test]
    fn an_ipv6_client_cannot_get_away_within_its_network() {
        let network = |text: &str| ClientAddress(text.parse().unwrap()).network().to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("198.51.100.4"), "198.51.100.4");
        let site = |text: &str| ClientAddress(text.parse().unwrap()).site().map(|s| s.to_string());
        assert_eq!(site("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1::"));
        assert_eq!(site("198.51.100.4"), None);
    }
}
