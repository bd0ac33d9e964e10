//! What the simulated Cloudflare holds: zones of one account, by id and by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::authority::Authority;
use super::zone::Zone;
use crate::domain::{ZoneId, ZoneName};

/// The data that the simulated API answers from.
///
/// All of it but keys and signatures is a function of the seed, the time at which it was made, and what
/// was added in which order.
pub struct World {
    seed: u64,
    made: Timestamp,
    authority: Arc<Authority>,
    account: Arc<Account>,
    zones: BTreeMap<ZoneName, Zone>,
    names: BTreeMap<ZoneId, ZoneName>,
    caps: bool,
}

/// Why the simulator cannot do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A key or a certificate could not be made.
    #[error("cannot sign a certificate: {0}")]
    Signing(#[from] rcgen::Error),
    /// There is no such certificate in the zone.
    #[error("expected the id of a certificate of the zone")]
    NoCertificate,
    /// There is no such association in the zone.
    #[error("expected a hostname that has an association")]
    NoAssociation,
    /// There is no such zone.
    #[error("expected the name or the id of a zone")]
    NoZone,
    /// A time lies too far away.
    #[error("expected a number of seconds that leads to a date")]
    NoDate,
}

/// The account that all zones belong to.
pub(super) struct Account {
    /// 32 hexadecimal digits.
    pub(super) id: String,
    pub(super) name: &'static str,
}

impl World {
    /// A world without zones; dates are told from `now`.
    ///
    /// # Errors
    /// Where no keys can be made.
    pub fn new(seed: u64, now: Timestamp) -> Result<Self, WorldError> {
        let id = format!("{:032x}", derived(seed, "account"));
        Ok(Self {
            seed,
            made: now,
            authority: Arc::new(Authority::new()?),
            account: Arc::new(Account { id, name: "Simulated account" }),
            zones: BTreeMap::new(),
            names: BTreeMap::new(),
            caps: true,
        })
    }

    /// Adds a zone; one that was there already is returned as it is, and one that had vanished comes back.
    pub fn add_zone(&mut self, name: &ZoneName) -> &mut Zone {
        let Self { seed, made, authority, account, zones, names, .. } = self;
        let zone = zones.entry(name.clone()).or_insert_with(|| {
            let zone = Zone::new(name.clone(), *seed, *made, Arc::clone(authority), Arc::clone(account));
            names.insert(zone.id(), name.clone());
            zone
        });
        zone.gone = false;
        zone
    }

    /// Deletes a zone and makes it anew: empty, and under another id.
    pub fn replace_zone(&mut self, name: &ZoneName) -> &mut Zone {
        if let Some(zone) = self.zones.remove(name) {
            self.names.remove(&zone.id());
        }
        self.seed = self.seed.wrapping_add(1);
        self.add_zone(name)
    }

    /// The zone of that name or id, vanished ones included.
    pub fn zone(&mut self, name_or_id: &str) -> Option<&mut Zone> {
        let by_id = name_or_id.parse().ok().and_then(|id: ZoneId| self.names.get(&id).cloned());
        self.zones.get_mut(&by_id.or_else(|| name_or_id.parse().ok())?)
    }

    /// Makes a zone vanish, until it is added again.
    ///
    /// # Errors
    /// Where there is no such zone.
    pub fn remove_zone(&mut self, name_or_id: &str) -> Result<(), WorldError> {
        self.zone(name_or_id).ok_or(WorldError::NoZone)?.gone = true;
        Ok(())
    }

    /// Every zone, vanished ones included, sorted by name.
    pub fn zones(&self) -> impl Iterator<Item = &Zone> + Clone {
        self.zones.values()
    }

    /// Id of the account that all zones belong to.
    pub fn account_id(&self) -> &str {
        &self.account.id
    }

    /// Lets a certificate have more than 100 associations and a zone more than 10 hostname certificates.
    pub fn lift_caps(&mut self) {
        self.caps = false;
    }

    pub(super) fn has_caps(&self) -> bool {
        self.caps
    }

    /// The zone that the API routes to.
    pub(super) fn routed(&mut self, id: &str) -> Option<&mut Zone> {
        let name = self.names.get(&id.parse().ok()?)?;
        self.zones.get_mut(name).filter(|zone| !zone.gone)
    }
}

/// A number that depends on the seed and the name alone, and looks random.
pub(super) fn derived(seed: u64, name: &str) -> u128 {
    let half = |salt: u64| {
        let start = mix(seed ^ salt);
        let folded = name.bytes().fold(start, |hash, byte| mix(hash ^ u64::from(byte)));
        u128::from(mix(folded))
    };
    half(0x9e37_79b9_7f4a_7c15) << 64 | half(0xd1b5_4a32_d192_ed03)
}

/// The finaliser of splitmix64.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_time_make_the_same_world() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let facts = |seed| {
            let mut world = World::new(seed, now).unwrap();
            let zone = world.add_zone(&"example.com".parse().unwrap());
            let id = zone.add_certificate("2027-01-01T00:00:00Z".parse().unwrap()).unwrap();
            (zone.id().to_string(), id, world.account_id().to_owned())
        };
        assert_eq!(facts(1), facts(1));
        assert_ne!(facts(1).0, facts(2).0);
        assert_ne!(facts(1).1, facts(2).1);
        assert_ne!(facts(1).2, facts(2).2);
    }

    #[test]
    fn a_zone_is_found_by_name_and_by_id_and_comes_back_with_what_it_had() {
        let mut world = World::new(1, Timestamp::UNIX_EPOCH).unwrap();
        let name = "example.com".parse().unwrap();
        let id = world.add_zone(&name).id().to_string();
        assert!(world.zone("example.com").is_some() && world.zone(&id).is_some());
        assert!(world.routed(&id).is_some());
        world.remove_zone("example.com").unwrap();
        assert!(world.routed(&id).is_none());
        world.add_zone(&name);
        assert!(world.routed(&id).is_some());
        assert!(world.remove_zone("example.org").is_err());
    }
}
