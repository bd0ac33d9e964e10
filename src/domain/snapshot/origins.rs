//! Derives origins from DNS records.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Snapshot;
use crate::domain::dns::above;
use crate::domain::{DnsIndex, RecordData, ZoneState};

impl Snapshot {
    /// Derives the origins of the hostnames of all zones.
    pub(super) fn find_all_origins(&mut self) {
        let all = (0..self.zones.len()).collect();
        self.find_origins_of(&all, &all);
    }

    /// Derives origins anew after the records or hostnames of some zones have changed.
    pub(super) fn find_origins(&mut self, changed: BTreeSet<usize>) {
        let Some(links) = self.links() else { return self.find_all_origins() };
        let back: Vec<_> = links.iter().map(|(from, to)| (*to, *from)).collect();
        let affected = reached(changed, &back);
        let needed = reached(affected.clone(), &links);
        self.find_origins_of(&affected, &needed);
    }

    /// Derives the origins of the hostnames of the `affected` zones from the records of the `needed` ones.
    fn find_origins_of(&mut self, affected: &BTreeSet<usize>, needed: &BTreeSet<usize>) {
        let mut indexes: HashMap<&str, DnsIndex<'_>> = HashMap::new();
        for zone in needed.iter().map(|place| &self.zones[*place]) {
            let Some(records) = zone.dns_records() else { continue };
            indexes.entry(zone.account()).or_default().add(zone.target().name(), records);
        }
        let find = |place: &usize| {
            let zone = &self.zones[*place];
            Some((*place, zone.other_dns_origins(indexes.get(zone.account())?)?))
        };
        for (place, found) in affected.iter().filter_map(find).collect::<Vec<_>>() {
            Arc::make_mut(&mut self.zones[place]).set_dns_origins(found);
        }
    }

    /// Returns the pairs of zones of which the first may have origins in the records of the second: a record points
    /// there, or one of them is a subdomain of the other. `None` if the name of a zone is unknown, since its records may
    /// then have any name.
    fn links(&self) -> Option<Vec<(usize, usize)>> {
        let with_records = || self.zones.iter().enumerate().filter(|(_, zone)| zone.dns_records().is_some());
        let mut places = HashMap::new();
        for (place, zone) in with_records() {
            places.insert(name(zone)?, place);
        }
        let closest = |account, name| above(name).find_map(|name| places.get(&(account, name)).copied());
        let mut links = Vec::new();
        for (place, zone) in with_records() {
            let parents = above(name(zone)?.1).skip(1);
            let parents = parents.filter_map(|name| closest(zone.account(), name));
            links.extend(parents.flat_map(|parent| [(parent, place), (place, parent)]));
            let targets = zone.dns_records().into_iter().flatten().filter_map(|record| match &record.data {
                RecordData::Name(target) => closest(zone.account(), target.as_str()),
                RecordData::Address(_) => None,
            });
            links.extend(targets.filter(|target| *target != place).map(|target| (place, target)));
        }
        links.sort_unstable();
        links.dedup();
        Some(links)
    }
}

/// Returns the account and the name of a zone.
fn name(zone: &ZoneState) -> Option<(&str, &str)> {
    zone.target().name().map(|name| (zone.account(), name.as_str()))
}

/// Returns these indexes, and all that are reached from them.
fn reached(mut places: BTreeSet<usize>, links: &[(usize, usize)]) -> BTreeSet<usize> {
    loop {
        let before = places.len();
        for (from, to) in links {
            if places.contains(from) {
                places.insert(*to);
            }
        }
        if places.len() == before {
            return places;
        }
    }
}
