//! Every block of the IANA special-purpose registries: its first and last address, and the
//! addresses next to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use keyslot_egress::{Policy, is_metadata, special};

/// <https://www.iana.org/assignments/iana-ipv4-special-registry>, with multicast and 6to4.
const V4: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.0.8/32",
    "192.0.0.9/32",
    "192.0.0.10/32",
    "192.0.0.170/32",
    "192.0.0.171/32",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.88.99.2/32",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
];

/// Blocks of the same registry that are anycast services on the public internet.
const V4_PUBLIC: &[&str] = &["192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24"];

/// <https://www.iana.org/assignments/iana-ipv6-special-registry>, with what is not 2000::/3.
const V6: &[&str] = &[
    "::/128",
    "::1/128",
    "::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/23",
    "2001::/32",
    "2001:1::1/128",
    "2001:1::2/128",
    "2001:1::3/128",
    "2001:2::/48",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:30::/28",
    "2001:db8::/32",
    "2002:a00::/24",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "4000::/2",
    "8000::/1",
    "1000::/4",
    "200::/7",
];

const V6_PUBLIC: &[&str] = &["2620:4f:8000::/48", "2606:4700::/32", "2a00::/12", "2002:808::/32"];

fn ends(net: &str) -> (IpAddr, IpAddr) {
    let net: keyslot_egress::ipnet::IpNet = net.parse().expect("a network");
    match net {
        keyslot_egress::ipnet::IpNet::V4(net) => (net.network().into(), net.broadcast().into()),
        keyslot_egress::ipnet::IpNet::V6(net) => (net.network().into(), net.broadcast().into()),
    }
}

fn before(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(a) => u32::from(a).checked_sub(1).map(|a| Ipv4Addr::from(a).into()),
        IpAddr::V6(a) => u128::from(a).checked_sub(1).map(|a| Ipv6Addr::from(a).into()),
    }
}

fn after(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(a) => u32::from(a).checked_add(1).map(|a| Ipv4Addr::from(a).into()),
        IpAddr::V6(a) => u128::from(a).checked_add(1).map(|a| Ipv6Addr::from(a).into()),
    }
}

fn in_any(address: IpAddr, nets: &[&str]) -> bool {
    nets.iter().any(|net| {
        let net: keyslot_egress::ipnet::IpNet = net.parse().expect("a network");
        net.contains(&address)
    })
}

#[test]
fn first_and_last_address_of_each_special_block_are_special() {
    for net in V4.iter().chain(V6) {
        let (first, last) = ends(net);
        assert!(special(first).is_some(), "{first}, first of {net}");
        assert!(special(last).is_some(), "{last}, last of {net}");
    }
}

#[test]
fn ipv4_addresses_beside_a_special_block_are_public_unless_another_block_holds_them() {
    for net in V4 {
        let (first, last) = ends(net);
        for neighbour in [before(first), after(last)].into_iter().flatten() {
            assert_eq!(
                special(neighbour).is_some(),
                in_any(neighbour, V4),
                "{neighbour} beside {net}"
            );
        }
    }
}

#[test]
fn ipv6_addresses_beside_a_special_block_are_public_exactly_inside_2000_3() {
    for net in V6.iter().filter(|net| !net.starts_with("2002:")) {
        let (first, last) = ends(net);
        for neighbour in [before(first), after(last)].into_iter().flatten() {
            let global = in_any(neighbour, &["2000::/3"]) && !in_any(neighbour, V6);
            // The neighbours above ::/96 and below 64:ff9b:1::/48 are no carriers of IPv4.
            assert_eq!(special(neighbour).is_none(), global, "{neighbour} beside {net}");
        }
    }
}

#[test]
fn anycast_services_and_ordinary_addresses_are_public() {
    for net in V4_PUBLIC.iter().chain(V6_PUBLIC) {
        let (first, last) = ends(net);
        assert_eq!(special(first), None, "{first}");
        assert_eq!(special(last), None, "{last}");
    }
}

#[test]
fn every_ipv4_address_gets_the_same_verdict_in_each_ipv6_form_that_carries_it() {
    // One address from each /16, and some more at random steps.
    for step in 0..=u16::MAX {
        let low = u32::from(step).wrapping_mul(40_503) & 0xffff;
        let v4 = Ipv4Addr::from(u32::from(step) << 16 | low);
        let expected = special(v4.into()).is_some();
        let bits = u128::from(u32::from(v4));
        let carriers = [
            (0xffff_u128 << 32) | bits,
            (0x0064_ff9b_u128 << 96) | bits,
            (0x2002_u128 << 112) | bits << 80 | 1,
            (0x2606_4700_u128 << 96) | 0x5efe_u128 << 32 | bits,
            (0x2606_4700_u128 << 96) | 0x0200_5efe_u128 << 32 | bits,
        ];
        for carrier in carriers {
            let carrier = Ipv6Addr::from(carrier);
            assert_eq!(special(carrier.into()).is_some(), expected, "{carrier} carries {v4}");
        }
    }
}

#[test]
fn metadata_addresses_stay_denied_in_an_opened_range_and_open_only_by_name() {
    let all = [
        ("169.254.169.254", "169.254.0.0/16"),
        ("169.254.170.2", "169.254.0.0/16"),
        ("168.63.129.16", "168.63.0.0/16"),
        ("100.100.100.200", "100.64.0.0/10"),
        ("192.0.0.192", "0.0.0.0/0"),
        ("fd00:ec2::254", "fc00::/7"),
        ("::ffff:169.254.169.254", "169.254.0.0/16"),
        ("::ffff:169.254.169.254", "::/0"),
        ("64:ff9b::a9fe:a9fe", "64:ff9b::/96"),
        ("2002:a9fe:a9fe::1", "2002::/16"),
    ];
    for (address, range) in all {
        let address: IpAddr = address.parse().expect("an address");
        assert!(is_metadata(address), "{address}");
        let socket = (address, 80).into();
        assert!(Policy::default().check(socket).is_err(), "{address}");
        let opened = Policy::default().allow(range.parse().expect("a range"));
        assert!(opened.check(socket).is_err(), "{address} in {range}");
        let exact =
            if address.is_ipv4() { format!("{address}/32") } else { format!("{address}/128") };
        let named = Policy::default().allow(exact.parse().expect("one address"));
        assert!(named.check(socket).is_ok(), "{address} as {exact}");
    }
}

#[test]
fn an_opened_range_opens_itself_and_nothing_beside_it() {
    let policy = Policy::default()
        .allow("10.20.0.0/16".parse().expect("a range"))
        .allow("fd12:3456::/32".parse().expect("a range"))
        .allow("::ffff:192.168.7.0/120".parse().expect("a range"));
    for open in [
        "10.20.0.0:1",
        "10.20.255.255:65535",
        "[fd12:3456::1]:443",
        "192.168.7.9:80",
        "[::ffff:10.20.1.1]:80",
    ] {
        assert!(policy.check(open.parse().expect("a socket")).is_ok(), "{open}");
    }
    for closed in
        ["10.19.255.255:1", "10.21.0.0:1", "[fd12:3457::1]:443", "192.168.8.1:80", "127.0.0.1:80"]
    {
        assert!(policy.check(closed.parse().expect("a socket")).is_err(), "{closed}");
    }
}

#[test]
fn an_opened_socket_opens_one_port_only() {
    let policy = Policy::default().allow_socket("127.0.0.1:3003".parse().expect("a socket"));
    assert!(policy.check("127.0.0.1:3003".parse().expect("a socket")).is_ok());
    assert!(policy.check("[::ffff:127.0.0.1]:3003".parse().expect("a socket")).is_ok());
    assert!(policy.check("127.0.0.1:3004".parse().expect("a socket")).is_err());
    assert!(policy.check("127.0.0.2:3003".parse().expect("a socket")).is_err());
}
