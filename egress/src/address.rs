//! Which IP addresses are public: the classifier behind [`Policy`](crate::Policy).
//!
//! Denies by default: an IPv4 address is public unless a special-purpose block holds it; an IPv6
//! address is public only inside 2000::/3 and outside the special blocks there. IPv6 forms that
//! carry an IPv4 address (mapped, NAT64, 6to4, ISATAP) are judged by the address they carry.
//!
//! Sources: the IANA special-purpose registries
//! (<https://www.iana.org/assignments/iana-ipv4-special-registry>,
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>), RFC 6890, RFC 4291 §2.4,
//! RFC 6052 (NAT64), RFC 3056 (6to4), RFC 5214 (ISATAP).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// The name of the block that makes an address special, as the IANA registries name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Special(&'static str);

impl Special {
    /// The block's name, for messages and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8, name: &'static str) -> (Ipv4Net, Special) {
    (Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length), Special(name))
}

const fn v6(segments: [u16; 8], length: u8, name: &'static str) -> (Ipv6Net, Special) {
    let [a, b, c, d, e, f, g, h] = segments;
    (Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length), Special(name))
}

/// IPv4 blocks that are not public. Three anycast services that IANA marks as globally reachable
/// inside 192.0.0.0/24 (192.0.0.9, 192.0.0.10) are denied with their block: none is an API.
const V4: &[(Ipv4Net, Special)] = &[
    v4(0, 0, 0, 0, 8, "this network"),
    v4(10, 0, 0, 0, 8, "private use"),
    v4(100, 64, 0, 0, 10, "shared address space"),
    v4(127, 0, 0, 0, 8, "loopback"),
    v4(169, 254, 0, 0, 16, "link local"),
    v4(172, 16, 0, 0, 12, "private use"),
    v4(192, 0, 0, 0, 24, "IETF protocol assignments"),
    v4(192, 0, 2, 0, 24, "documentation"),
    v4(192, 88, 99, 0, 24, "6to4 relay anycast"),
    v4(192, 168, 0, 0, 16, "private use"),
    v4(198, 18, 0, 0, 15, "benchmarking"),
    v4(198, 51, 100, 0, 24, "documentation"),
    v4(203, 0, 113, 0, 24, "documentation"),
    v4(224, 0, 0, 0, 4, "multicast"),
    v4(240, 0, 0, 0, 4, "reserved"),
];

/// The only part of IPv6 that is allocated as global unicast (RFC 4291 §2.4, IANA).
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3, "").0;

/// IPv6 blocks that are not public. Those outside 2000::/3 are here only for their names.
const V6: &[(Ipv6Net, Special)] = &[
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128, "unspecified"),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96, "IPv4-compatible"),
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "local-use NAT64"),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "discard only"),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "unique local"),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link local"),
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "site local"),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast"),
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "segment routing"),
    // Teredo, benchmarking, ORCHID and the rest of the protocol assignments: none is an API.
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "IETF protocol assignments"),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "documentation"),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "documentation"),
];

const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "").0;

/// Addresses where a cloud machine asks for its own credentials and settings. They stay denied
/// when a wider range is opened: an operator who needs one names exactly that address.
///
/// Sources: AWS instance metadata, ECS task credentials and EKS pod identity
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>,
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html>,
/// <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html>), Google Cloud
/// (<https://cloud.google.com/compute/docs/metadata/querying-metadata>), Azure's wire server, which
/// is outside every special block
/// (<https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>), Alibaba
/// (<https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata>), Oracle
/// (<https://docs.oracle.com/en-us/iaas/Content/Compute/Tasks/gettingmetadata.htm>).
const METADATA: &[IpAddr] = &[
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Says whether an address is special: takes any address, returns the block that makes it so, or
/// nothing for a public address. IPv6 addresses that carry an IPv4 address are judged by it.
#[must_use]
pub fn special(address: IpAddr) -> Option<Special> {
    if is_metadata(address) {
        return Some(Special("cloud metadata"));
    }
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

/// Says whether an address, or the IPv4 address that it carries, is where a cloud machine asks for
/// its credentials.
#[must_use]
pub fn is_metadata(address: IpAddr) -> bool {
    METADATA.contains(&address)
        || match address {
            IpAddr::V4(_) => false,
            IpAddr::V6(address) => {
                carried(address).is_some_and(|address| METADATA.contains(&IpAddr::V4(address)))
            }
        }
}

fn special_v4(address: Ipv4Addr) -> Option<Special> {
    V4.iter().find(|(net, _)| net.contains(&address)).map(|&(_, name)| name)
}

fn special_v6(address: Ipv6Addr) -> Option<Special> {
    if let Some(carried) = carried(address) {
        // A carrier inside 2000::/3 must be public itself as well; the other two (mapped, NAT64)
        // are only ways to write the IPv4 address.
        if let Some(name) = special_v4(carried) {
            return Some(name);
        }
        if !GLOBAL_UNICAST.contains(&address) {
            return None;
        }
    }
    if let Some(&(_, name)) = V6.iter().find(|(net, _)| net.contains(&address)) {
        return Some(name);
    }
    (!GLOBAL_UNICAST.contains(&address)).then_some(Special("not global unicast"))
}

/// The IPv4 address that an IPv6 address carries, if its form says that it does.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return Some(mapped);
    }
    let [_, s1, s2, _, s4, s5, s6, s7] = address.segments();
    if NAT64.contains(&address) {
        return Some(join(s6, s7));
    }
    if address.segments()[0] == 0x2002 {
        return Some(join(s1, s2));
    }
    // ISATAP: any prefix, then 0000:5efe or 0200:5efe, then the IPv4 address.
    ((s4 == 0 || s4 == 0x200) && s5 == 0x5efe && GLOBAL_UNICAST.contains(&address))
        .then(|| join(s6, s7))
}

fn join(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}
