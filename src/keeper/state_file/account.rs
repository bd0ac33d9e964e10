//! The row of an account with listed zones.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::value::{Label, Seconds, Text};
use super::zone::part;
use crate::domain::{AccountState, FoundZone, Reason, ZoneId, ZoneList, ZoneName};

/// The zones that an account's token sees.
#[derive(Serialize, Deserialize)]
pub(super) struct AccountRow {
    account: Box<str>,
    last_success: Option<Seconds>,
    failure: Option<Label<Reason>>,
    since: Option<Seconds>,
    removed_at: Option<Seconds>,
    found: Vec<(Text<ZoneId>, Text<ZoneName>)>,
}

impl AccountRow {
    /// Creates the row of an account. None unless patterns watch its zones.
    pub(super) fn new(account: &AccountState) -> Option<Self> {
        let ZoneList { part, found, removed_at, .. } = account.zone_list()?;
        Some(Self {
            account: (&**account.name()).into(),
            last_success: part.last_success.map(Seconds),
            failure: part.failure().map(Label),
            since: part.since.map(Seconds),
            removed_at: removed_at.map(Seconds),
            found: found.iter().map(|zone| (Text(zone.id), Text(zone.name.clone()))).collect(),
        })
    }

    /// Returns the stored list.
    pub(super) fn stored(self) -> (Arc<str>, ZoneList) {
        let found = self.found.into_iter().map(|(Text(id), Text(name))| FoundZone { name, id });
        let list = ZoneList {
            part: part(self.last_success, self.failure, self.since),
            found: found.collect(),
            removed: 0,
            removed_at: self.removed_at.map(|Seconds(at)| at),
        };
        (self.account.into(), list)
    }
}
