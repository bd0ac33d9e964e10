//! What the simulated Cloudflare holds: the zones of its accounts, by id and by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::authority::Authority;
use super::facts::{Account, INTERNAL, ZoneChange};
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
    /// The first is that of zones for which no other is named.
    accounts: Vec<Arc<Account>>,
    zones: BTreeMap<Key, Zone>,
    keys: BTreeMap<ZoneId, Key>,
    caps: bool,
}

/// The name of a zone, and how many of that name were added before it.
type Key = (ZoneName, u32);

/// Why the simulator cannot do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A key or a certificate could not be made.
    #[error("cannot sign a certificate: {0}")]
    Signing(#[from] rcgen::Error),
    /// The TLS of an origin could not be set up.
    #[error("cannot set up the TLS of an origin: {0}")]
    Tls(#[from] rustls::Error),
    /// There is no such certificate in the zone.
    #[error("expected the id of a certificate of the zone")]
    NoCertificate,
    /// There is no such association in the zone.
    #[error("expected a hostname that has an association")]
    NoAssociation,
    /// There is no such zone.
    #[error("expected the name or the id of a zone")]
    NoZone,
    /// That cannot be the id of an account.
    #[error("expected 32 hexadecimal digits as the id of an account")]
    NoAccount,
    /// A time lies too far away.
    #[error("expected a number of seconds that leads to a date")]
    NoDate,
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
            accounts: vec![Arc::new(Account { id, name: "Simulated account".into() })],
            zones: BTreeMap::new(),
            keys: BTreeMap::new(),
            caps: true,
        })
    }

    /// Adds a zone; one that was there already is returned as it is, and one that had vanished comes back.
    pub fn add_zone(&mut self, name: &ZoneName) -> &mut Zone {
        let key = self.first(name).unwrap_or_else(|| (name.clone(), 0));
        let account = Arc::clone(&self.accounts[0]);
        self.entry(key, account)
    }

    /// Adds a zone with these facts, or brings back and changes one that was there already, at `now`.
    ///
    /// Zones of one name are told apart by their account, and internal ones from others, if `change` says so.
    ///
    /// # Errors
    /// Where the account's id is none, or a certificate cannot be signed.
    pub fn put_zone(
        &mut self,
        name: &ZoneName,
        change: ZoneChange,
        now: Timestamp,
    ) -> Result<&mut Zone, WorldError> {
        let account = change.account.as_deref().map(|id| self.account(id)).transpose()?;
        let internal = change.kind.as_ref().map(|kind| kind == INTERNAL);
        let same = |zone: &Zone| {
            account.as_ref().is_none_or(|account| account.id == zone.account.id)
                && internal.is_none_or(|internal| internal == zone.facts.is_internal())
        };
        let mut last = None;
        let found = self.zones_named(name).find_map(|(key, zone)| {
            last = Some(key.1);
            same(zone).then(|| key.clone())
        });
        let key = found.unwrap_or_else(|| (name.clone(), last.map_or(0, |last| last + 1)));
        let account = account.unwrap_or_else(|| Arc::clone(&self.accounts[0]));
        let zone = self.entry(key, account);
        zone.change(change, now)?;
        Ok(zone)
    }

    /// Changes the facts of a zone at `now`.
    ///
    /// # Errors
    /// Where there is no such zone, the account's id is none, or a certificate cannot be signed.
    pub fn change_zone(
        &mut self,
        name_or_id: &str,
        change: ZoneChange,
        now: Timestamp,
    ) -> Result<(), WorldError> {
        let account = change.account.as_deref().map(|id| self.account(id)).transpose()?;
        let zone = self.zone(name_or_id).ok_or(WorldError::NoZone)?;
        zone.account = account.unwrap_or_else(|| Arc::clone(&zone.account));
        zone.change(change, now)
    }

    /// Deletes a zone and makes it anew: empty, and under another id.
    pub fn replace_zone(&mut self, name: &ZoneName) -> &mut Zone {
        let key = self.first(name).unwrap_or_else(|| (name.clone(), 0));
        let former = self.zones.remove(&key);
        self.keys.retain(|_, other| *other != key);
        self.seed = self.seed.wrapping_add(1);
        let account = former.map_or_else(|| Arc::clone(&self.accounts[0]), |zone| zone.account);
        self.entry(key, account)
    }

    /// The zone of that id, or the one that was added first of those with that name; vanished ones included.
    pub fn zone(&mut self, name_or_id: &str) -> Option<&mut Zone> {
        let by_id = name_or_id.parse().ok().and_then(|id: ZoneId| self.keys.get(&id).cloned());
        let key = by_id.or_else(|| self.first(&name_or_id.parse().ok()?))?;
        self.zones.get_mut(&key)
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

    /// Id of the account that zones belong to unless another is named.
    pub fn account_id(&self) -> &str {
        &self.accounts[0].id
    }

    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    pub(super) fn has_account(&self, id: &str) -> bool {
        self.accounts.iter().any(|account| account.id == id)
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
        let key = self.keys.get(&id.parse().ok()?)?;
        self.zones.get_mut(key).filter(|zone| !zone.gone)
    }

    /// The zones of that name, in the order in which they were added.
    fn zones_named(&self, name: &ZoneName) -> impl Iterator<Item = (&Key, &Zone)> {
        self.zones.range((name.clone(), 0)..=(name.clone(), u32::MAX))
    }

    fn first(&self, name: &ZoneName) -> Option<Key> {
        self.zones_named(name).next().map(|(key, _)| key.clone())
    }

    /// The zone at that key, which is made where there is none, and is not gone.
    fn entry(&mut self, key: Key, account: Arc<Account>) -> &mut Zone {
        let Self { seed, made, authority, zones, keys, .. } = self;
        let zone = zones.entry(key.clone()).or_insert_with(|| {
            // zones of one name differ in their ids and those of their certificates
            let seed = *seed ^ u64::from(key.1) << 32;
            let zone = Zone::new(key.0.clone(), seed, *made, Arc::clone(authority), account);
            keys.insert(zone.id(), key);
            zone
        });
        zone.gone = false;
        zone
    }

    /// The account of that id, which is made where there is none.
    fn account(&mut self, id: &str) -> Result<Arc<Account>, WorldError> {
        if let Some(account) = self.accounts.iter().find(|account| account.id == id) {
            return Ok(Arc::clone(account));
        }
        if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(WorldError::NoAccount);
        }
        let account = Account { id: id.to_owned(), name: format!("Simulated account {}", &id[..8]) };
        self.accounts.push(Arc::new(account));
        Ok(Arc::clone(&self.accounts[self.accounts.len() - 1]))
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
