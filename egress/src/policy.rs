//! Which addresses a request may reach: public ones, and what the operator opened.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::address::{is_metadata, special};
use crate::error::EgressError;

/// The addresses that requests may reach. The default is public addresses only.
///
/// ```
/// use keyslot_egress::Policy;
///
/// let policy = Policy::default().allow("10.20.0.0/16".parse().unwrap());
/// assert!(policy.check("10.20.3.4:443".parse().unwrap()).is_ok());
/// assert!(policy.check("10.21.3.4:443".parse().unwrap()).is_err());
/// assert!(policy.check("8.8.8.8:443".parse().unwrap()).is_ok());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Policy {
    nets: Vec<IpNet>,
    sockets: Vec<SocketAddr>,
}

impl Policy {
    /// Opens a range, for providers on the operator's own network (`--allow-net`). Addresses where
    /// cloud machines ask for their credentials stay denied unless the range is exactly that one
    /// address (`/32` or `/128`).
    #[must_use]
    pub fn allow(mut self, net: IpNet) -> Self {
        self.nets.push(canonical_net(net));
        self
    }

    /// Opens exactly one address and port, whatever the address is (the development server's own
    /// demo API).
    #[must_use]
    pub fn allow_socket(mut self, socket: SocketAddr) -> Self {
        self.sockets.push(SocketAddr::new(socket.ip().to_canonical(), socket.port()));
        self
    }

    /// Says whether the operator opened anything at all beyond public addresses.
    #[must_use]
    pub fn is_public_only(&self) -> bool {
        self.nets.is_empty() && self.sockets.is_empty()
    }

    /// Says whether the operator opened this address and port by name; a public address that no
    /// one named is not "opened".
    #[must_use]
    pub fn opens(&self, socket: SocketAddr) -> bool {
        let address = socket.ip().to_canonical();
        if self.sockets.contains(&SocketAddr::new(address, socket.port())) {
            return true;
        }
        let exact_only = is_metadata(address);
        self.nets.iter().any(|net| {
            net.contains(&address) && (!exact_only || net.prefix_len() == net.max_prefix_len())
        })
    }

    /// Decides about one address and port.
    ///
    /// # Errors
    /// [`EgressError::Denied`] when the address is neither public nor opened.
    pub fn check(&self, socket: SocketAddr) -> Result<(), EgressError> {
        if self.opens(socket) {
            return Ok(());
        }
        match special(socket.ip()) {
            None => Ok(()),
            Some(block) => Err(EgressError::Denied { address: socket.ip(), block }),
        }
    }

    /// Decides about everything that a name resolved to, and keeps what may be connected to, in the
    /// resolver's order.
    ///
    /// A public name must be public in all its addresses: one private address among them is how
    /// rebinding is prepared, so the whole name is refused. Where the operator opened one of the
    /// addresses, the name is known to be internal; then the ones that may be reached are used.
    ///
    /// # Errors
    /// [`EgressError::Denied`] with the first address that is not allowed.
    pub(crate) fn admit(
        &self,
        addresses: Vec<IpAddr>,
        port: u16,
    ) -> Result<Vec<SocketAddr>, EgressError> {
        let sockets: Vec<_> =
            addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect();
        let internal = sockets.iter().any(|&socket| self.opens(socket));
        let mut admitted = Vec::with_capacity(sockets.len());
        let mut denied = None;
        for socket in sockets {
            match self.check(socket) {
                Ok(()) => admitted.push(socket),
                Err(error) => denied = denied.or(Some(error)),
            }
        }
        match denied {
            Some(error) if !internal || admitted.is_empty() => Err(error),
            _ => Ok(admitted),
        }
    }
}

/// `::ffff:10.0.0.0/104` means the IPv4 range `10.0.0.0/8`.
fn canonical_net(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else {
        return net.trunc();
    };
    match (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(96)) {
        (Some(address), Some(length)) => {
            IpNet::new(IpAddr::V4(address), length).unwrap_or(net).trunc()
        }
        _ => net.trunc(),
    }
}
