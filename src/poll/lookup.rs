//! The ids of an account's zones, as far as a poll has to look them up.

use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::cloudflare::{Client, Error, VisibleZones};
use crate::domain::{Snapshot, Targets, ZoneId, ZoneName, ZoneState, ZoneTarget};

/// From so many names on, all zones that the token sees are listed: 50 a page, rather than a request a name.
const MANY: usize = 51;

/// The look-up of one account's zones within one poll.
pub(super) struct Lookup<'a> {
    client: &'a Client,
    /// The names whose ids are not known.
    names: Vec<ZoneName>,
    listed: OnceCell<Result<Option<VisibleZones>, Arc<Error>>>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(client: &'a Client, account: &str, targets: &Targets, known: &Snapshot) -> Self {
        let zones = targets.zones().iter().filter(|target| &**target.account() == account);
        let unknown =
            zones.filter(|target| known.zone(target.key()).is_some_and(|zone| id(target, zone).is_none()));
        let names = unknown.filter_map(|target| target.name().cloned()).collect();
        Self { client, names, listed: OnceCell::new() }
    }

    /// How many requests that takes, unless a zone has to be looked for once more.
    pub(super) fn requests(&self) -> usize {
        let names = self.names.len();
        if names >= MANY { names.div_ceil(MANY - 1) } else { names }
    }

    /// The zone's id: as configured, else as last looked up, unless the latest poll says that it may be another now.
    pub(super) async fn id(
        &self,
        target: &ZoneTarget,
        known: &ZoneState,
        deadline: Instant,
    ) -> Result<ZoneId, Error> {
        match (id(target, known), target.name()) {
            (Some(id), _) => Ok(id),
            (None, Some(name)) if self.names.len() >= MANY => self.listed(name, deadline).await,
            (None, Some(name)) => self.client.zone_id(name, deadline).await,
            // a target has at least one of the two
            (None, None) => Err(Error::Deadline),
        }
    }

    async fn listed(&self, name: &ZoneName, deadline: Instant) -> Result<ZoneId, Error> {
        let list = async || self.client.visible_zones(&self.names, deadline).await.map_err(Arc::new);
        match self.listed.get_or_init(list).await {
            Ok(Some(zones)) => match zones.find(name) {
                Err(Error::NoZone(_)) => self.client.zone_id(name, deadline).await,
                found => found,
            },
            Ok(None) => self.client.zone_id(name, deadline).await,
            Err(error) => Err(Error::Common(Arc::clone(error))),
        }
    }
}

fn id(target: &ZoneTarget, known: &ZoneState) -> Option<ZoneId> {
    target.id().or_else(|| known.id().filter(|_| known.is_up()))
}
