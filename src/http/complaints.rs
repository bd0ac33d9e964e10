//! Rate-limited warnings about peers, so that no peer can flood the log.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The interval between two warnings about one peer.
const INTERVAL: Duration = Duration::from_secs(60);

/// The number of peers with their own rate limit. All other peers share one.
const MAX_PEERS: usize = 16;

/// The time of the last warning about each peer. The key of all further peers is none.
#[derive(Default)]
pub(super) struct Complaints(Mutex<HashMap<Option<IpAddr>, Last>>);

struct Last {
    at: Instant,
    /// The number of warnings suppressed since then.
    unlogged: u64,
}

/// A warning that is due.
#[derive(Debug, PartialEq, Eq)]
struct Due {
    unlogged: u64,
    /// True if warnings about all further peers are suppressed for the next minute.
    is_last: bool,
}

impl Complaints {
    /// Logs a warning about `peer`, unless one was logged in the last minute.
    pub(super) fn warn(&self, peer: IpAddr, what: fmt::Arguments<'_>) {
        match self.due(peer, Instant::now()) {
            None => {}
            Some(Due { unlogged, is_last: false }) => tracing::warn!(%peer, unlogged, "{what}"),
            Some(Due { unlogged, is_last: true }) => {
                tracing::warn!(%peer, unlogged, "{what}; further peers are not logged for a minute");
            }
        }
    }

    fn due(&self, peer: IpAddr, now: Instant) -> Option<Due> {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = peers.contains_key(&Some(peer));
        if !is_known && peers.keys().flatten().count() >= MAX_PEERS {
            peers.retain(|peer, last| peer.is_none() || now < last.at + INTERVAL);
        }
        let is_last = !is_known && peers.keys().flatten().count() >= MAX_PEERS;
        let key = if is_last { None } else { Some(peer) };
        let mut unlogged = 0;
        if let Some(last) = peers.get_mut(&key) {
            if now < last.at + INTERVAL {
                last.unlogged += 1;
                return None;
            }
            unlogged = last.unlogged;
        }
        peers.insert(key, Last { at: now, unlogged: 0 });
        Some(Due { unlogged, is_last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn each_peer_causes_one_warning_a_minute() {
        let (complaints, start) = (Complaints::default(), Instant::now());
        let due = |after| complaints.due(peer(1), start + Duration::from_secs(after));
        assert_eq!(due(0), Some(Due { unlogged: 0, is_last: false }));
        assert_eq!([due(1), due(59)], [None, None]);
        assert_eq!(due(60), Some(Due { unlogged: 2, is_last: false }));
        assert_eq!(due(61), None);
    }

    #[test]
    fn any_number_of_peers_causes_fewer_than_twenty_warnings_a_minute() {
        let (complaints, start) = (Complaints::default(), Instant::now());
        for minute in 0..3 {
            let now = start + minute * INTERVAL;
            let due = (0..100_000).filter_map(|number| complaints.due(peer(number), now));
            let due: Vec<_> = due.collect();
            assert_eq!(due.len(), MAX_PEERS + 1);
            assert!(due.last().unwrap().is_last);
            assert!(complaints.0.lock().unwrap().len() <= MAX_PEERS + 1);
        }
    }
}
