//! The data of the simulated Cloudflare: the zones of its accounts, by id and by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::authority::Authority;
use super::facts::{Account, INTERNAL, ZoneChange};
use super::zone::Zone;
use crate::domain::{ZoneId, ZoneName};

/// The data behind the simulated API.
///
/// All of it except keys and signatures is a function of the seed, the time of creation, and the order of
/// additions.
pub struct World {
    seed: u64,
    made: Timestamp,
    authority: Arc<Authority>,
    /// The first is the default for zones.
    accounts: Vec<Arc<Account>>,
    zones: BTreeMap<Key, Zone>,
    keys: BTreeMap<ZoneId, Key>,
    caps: bool,
}

/// The name of a zone, and the number of zones of that name added before it.
type Key = (ZoneName, u32);

/// The reason why the simulator cannot carry out a request.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A key or a certificate could not be made.
    #[error("cannot sign a certificate: {0}")]
    Signing(#[from] rcgen::Error),
    /// The TLS of an origin could not be set up.
    #[error("cannot set up the TLS of an origin: {0}")]
    Tls(#[from] rustls::Error),
    /// The zone has no such certificate.
    #[error("expected the id of a certificate of the zone")]
    NoCertificate,
    /// The zone has no such association.
    #[error("expected a hostname that has an association")]
    NoAssociation,
    /// The zone does not exist.
    #[error("expected the name or the id of a zone")]
    NoZone,
    /// The text is not the id of an account.
    #[error("expected 32 hexadecimal digits as the id of an account")]
    NoAccount,
    /// The date is out of range.
    #[error("expected a number of seconds within the range of dates")]
    NoDate,
}

impl World {
    /// Creates a world without zones. Dates are relative to `now`.
    ///
    /// # Errors
    /// Fails if no keys can be made.
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

    /// Adds a zone. An existing one is returned unchanged, and one that was gone is restored.
    pub fn add_zone(&mut self, name: &ZoneName) -> &mut Zone {
        let key = self.first(name).unwrap_or_else(|| (name.clone(), 0));
        let account = Arc::clone(&self.accounts[0]);
        self.entry(key, account)
    }

    /// Adds a zone with these facts, or restores and changes an existing one, at `now`.
    ///
    /// Zones of one name are distinguished by account and, if one is internal, by type, if `change` gives
    /// these.
    ///
    /// # Errors
    /// Fails if the account's id is invalid or a certificate cannot be signed.
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
    /// Fails if the zone does not exist, the account's id is invalid, or a certificate cannot be signed.
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

    /// Replaces a zone with an empty one that has another id.
    pub fn replace_zone(&mut self, name: &ZoneName) -> &mut Zone {
        let key = self.first(name).unwrap_or_else(|| (name.clone(), 0));
        let former = self.zones.remove(&key);
        self.keys.retain(|_, other| *other != key);
        self.seed = self.seed.wrapping_add(1);
        let account = former.map_or_else(|| Arc::clone(&self.accounts[0]), |zone| zone.account);
        self.entry(key, account)
    }

    /// Returns the zone with this id, or the first one added with this name, even if it is gone.
    pub fn zone(&mut self, name_or_id: &str) -> Option<&mut Zone> {
        let by_id = name_or_id.parse().ok().and_then(|id: ZoneId| self.keys.get(&id).cloned());
        let key = by_id.or_else(|| self.first(&name_or_id.parse().ok()?))?;
        self.zones.get_mut(&key)
    }

    /// Makes a zone disappear until it is added again.
    ///
    /// # Errors
    /// Fails if the zone does not exist.
    pub fn remove_zone(&mut self, name_or_id: &str) -> Result<(), WorldError> {
        self.zone(name_or_id).ok_or(WorldError::NoZone)?.gone = true;
        Ok(())
    }

    /// Returns every zone, sorted by name, even those that are gone.
    pub fn zones(&self) -> impl Iterator<Item = &Zone> + Clone {
        self.zones.values()
    }

    /// Returns the id of the default account.
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

    /// Returns the zone that the API routes to.
    pub(super) fn routed(&mut self, id: &str) -> Option<&mut Zone> {
        let key = self.keys.get(&id.parse().ok()?)?;
        self.zones.get_mut(key).filter(|zone| !zone.gone)
    }

    /// Returns the zones of this name in the order of addition.
    fn zones_named(&self, name: &ZoneName) -> impl Iterator<Item = (&Key, &Zone)> {
        self.zones.range((name.clone(), 0)..=(name.clone(), u32::MAX))
    }

    fn first(&self, name: &ZoneName) -> Option<Key> {
        self.zones_named(name).next().map(|(key, _)| key.clone())
    }

    /// Returns the zone with this key, creating or restoring it if needed.
    fn entry(&mut self, key: Key, account: Arc<Account>) -> &mut Zone {
        let Self { seed, made, authority, zones, keys, .. } = self;
        let zone = zones.entry(key.clone()).or_insert_with(|| {
            // zones of one name have different ids, as have their certificates
            let seed = *seed ^ u64::from(key.1) << 32;
            let zone = Zone::new(key.0.clone(), seed, *made, Arc::clone(authority), account);
            keys.insert(zone.id(), key);
            zone
        });
        zone.gone = false;
        zone
    }

    /// Returns the account with this id, creating it if needed.
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

/// Returns a pseudorandom number that depends only on the seed and the name.
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
    fn a_zone_is_found_by_name_and_id_and_is_restored_with_its_content() {
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
