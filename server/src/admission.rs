//! Which connections are taken: so many at a time, and so many from one address, as [`Bounds`] say. Beyond the
//! share of an address, the same number again is taken in a hurry ([`Pace::Hurried`]); what is over that is closed
//! at once. So sockets that somebody holds for nothing go away within a second or two, and neighbours behind
//! the same address still get an answer. A proxy that the operator has named has no share: it brings the
//! connections of many.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    client_address::ClientAddress,
    listener::{Bounds, Pace},
};

/// How often the log says that an address has too many.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// How many connections each address has open.
type Open = Mutex<HashMap<IpAddr, usize>>;

/// The connections that there may be.
pub(crate) struct Admission {
    bounds: Bounds,
    places: Arc<Semaphore>,
    open: Arc<Open>,
    said: Option<Instant>,
}

/// What one connection takes up; dropped, it is free again.
pub(crate) struct Place {
    _place: OwnedSemaphorePermit,
    _share: Option<Share>,
    pub(crate) pace: Pace,
}

struct Share {
    address: IpAddr,
    open: Arc<Open>,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = open.entry(self.address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl Admission {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let places = Arc::new(Semaphore::new(bounds.connections));
        Self { bounds, places, open: Arc::default(), said: None }
    }

    /// Waits until there is room for one more connection.
    pub(crate) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        // Never closed, so there is always a place in the end.
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Takes a connection from this address in, unless it has too many.
    pub(crate) fn admit(&mut self, peer: IpAddr, place: OwnedSemaphorePermit) -> Option<Place> {
        let most = self.bounds.per_address;
        let peer = peer.to_canonical();
        if most == 0 || self.bounds.trusted_proxies.iter().any(|net| net.contains(&peer)) {
            return Some(Place { _place: place, _share: None, pace: Pace::Usual });
        }
        let address = ClientAddress(peer).network();
        let count = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let count = open.entry(address).or_default();
            if *count < most * 2 {
                *count += 1;
            } else {
                drop(open);
                self.bounds.crowded.closed();
                self.say(address);
                return None;
            }
            *count
        };
        let share = Share { address, open: Arc::clone(&self.open) };
        let pace = if count <= most { Pace::Usual } else { Pace::Hurried };
        if pace == Pace::Hurried {
            self.bounds.crowded.hurried();
            self.say(address);
        }
        Some(Place { _place: place, _share: Some(share), pace })
    }

    fn say(&mut self, address: IpAddr) {
        if self.said.is_none_or(|said| said.elapsed() >= SAID_EVERY) {
            self.said = Some(Instant::now());
            tracing::warn!(
                %address,
                limit = self.bounds.per_address,
                "an address has too many connections. If it is a proxy of yours, name it: --trusted-proxies"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(per_address: usize, trusted: &[&str]) -> Admission {
        let trusted_proxies = trusted.iter().map(|net| net.parse().unwrap()).collect();
        Admission::new(Bounds { per_address, trusted_proxies, ..Bounds::default() })
    }

    /// How these are taken in, one after the other, none of them leaving.
    async fn admitted(
        admission: &mut Admission,
        peers: &[&str],
    ) -> (Vec<Option<Pace>>, Vec<Place>) {
        let (mut paces, mut places) = (Vec::new(), Vec::new());
        for peer in peers {
            let room = admission.room().await.unwrap();
            let place = admission.admit(peer.parse().unwrap(), room);
            paces.push(place.as_ref().map(|place| place.pace));
            places.extend(place);
        }
        (paces, places)
    }

    const USUAL: Option<Pace> = Some(Pace::Usual);
    const HURRIED: Option<Pace> = Some(Pace::Hurried);

    #[tokio::test]
    async fn an_address_has_its_share_as_much_again_in_a_hurry_and_no_more() {
        let mut admission = with(2, &[]);
        let (paces, places) = admitted(&mut admission, &["192.0.2.1"; 5]).await;
        assert_eq!(paces, [USUAL, USUAL, HURRIED, HURRIED, None]);
        let (others, _) = admitted(&mut admission, &["192.0.2.2", "::ffff:192.0.2.1"]).await;
        assert_eq!(others, [USUAL, None], "IPv4 on a socket for both is the same address");
        drop(places);
        let (again, _places) = admitted(&mut admission, &["192.0.2.1"; 3]).await;
        assert_eq!(again, [USUAL, USUAL, HURRIED]);
    }

    #[tokio::test]
    async fn all_of_an_ipv6_network_has_one_share() {
        let peers = ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3", "2001:db8:0:1::1"];
        let (paces, _) = admitted(&mut with(1, &[]), &peers).await;
        assert_eq!(paces, [USUAL, HURRIED, None, USUAL]);
    }

    #[tokio::test]
    async fn a_proxy_that_is_named_has_no_share_and_nobody_has_without_a_limit() {
        let trusted = ["10.0.0.0/8"];
        let (paces, _) = admitted(&mut with(1, &trusted), &["10.1.2.3"; 9]).await;
        assert_eq!(paces, [USUAL; 9]);
        let (paces, _) = admitted(&mut with(0, &[]), &["192.0.2.1"; 9]).await;
        assert_eq!(paces, [USUAL; 9]);
    }

    #[tokio::test]
    async fn who_has_left_is_forgotten() {
        let mut admission = with(1, &[]);
        let (_, places) = admitted(&mut admission, &["192.0.2.1", "192.0.2.1", "::1"]).await;
        drop(places);
        assert!(admission.open.lock().unwrap().is_empty());
        assert_eq!(admission.places.available_permits(), Bounds::default().connections);
    }
}
