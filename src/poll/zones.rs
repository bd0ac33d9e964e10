//! Lists the zones that an account's token sees.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::Account;
use super::api::Api;
use super::deadline::Deadline;
use super::seen::{Seen, Thing, Trouble};
use super::unless_it_panics;
use crate::clock::Clock;
use crate::cloudflare::{Error, Presence, Purpose, ZoneList};
use crate::domain::{Date, FoundZone, Reason};
use crate::keeper;

/// The number of zones missing from a list that are requested by id concurrently.
const WIDTH: usize = 8;

/// The poll of the list of an account's zones.
pub(super) struct ZonesPoll<A> {
    pub(super) name: Arc<str>,
    pub(super) account: Account<A>,
    /// The zones from earlier lists.
    pub(super) known: Arc<[FoundZone]>,
    pub(super) deadline: Arc<Deadline>,
    pub(super) keeper: keeper::Handle,
    pub(super) clock: Clock,
}

impl<A: Api> ZonesPoll<A> {
    /// Reads the list. Returns what worked and what failed, once the results are published.
    pub(super) async fn run(self) -> Seen {
        self.keeper.want_zones(Arc::clone(&self.name), self.now()).await;
        let (found, result) = match unless_it_panics(self.list()).await.flatten() {
            Ok((found, None)) => (Some(found), Ok(())),
            Ok((found, Some(odd))) => (Some(found), Err((Reason::InvalidResponse, Trouble::odd(&odd)))),
            Err(error) => (None, Err((error.reason(), Trouble::new(&error, Purpose::ListZones)))),
        };
        let reason = result.as_ref().map_err(|(reason, _)| *reason).copied();
        self.keeper.report_zones(Arc::clone(&self.name), found, reason, self.now()).await;
        self.keeper.published().await;
        let mut seen = Seen::new(Arc::clone(&self.name), self.account.api.host().into(), None);
        seen.things.insert(Thing::Zone, result.map_err(|(_, trouble)| trouble));
        seen
    }

    /// Returns the zones to watch from now on, and what is wrong with the list, if anything. A zone that is missing from a
    /// complete list stays if a request by its id finds it. A zone that is missing from an incomplete list
    /// also stays.
    async fn list(&self) -> Result<(Vec<FoundZone>, Option<String>), Error> {
        let (api, deadline) = (&self.account.api, &self.deadline);
        let listed = api.all_zones(deadline.at()).await?;
        if listed.zones.is_empty() && !self.known.is_empty() {
            return Err(Error::EmptyList(self.known.len()));
        }
        let odd = odd(&listed);
        let ids: HashSet<_> = listed.zones.iter().map(|zone| zone.id).collect();
        // a row without a readable status says nothing new
        let unread: HashSet<_> =
            listed.zones.iter().filter(|zone| zone.active.is_none()).map(|zone| zone.id).collect();
        let missing: Vec<_> = self.known.iter().filter(|zone| !ids.contains(&zone.id)).cloned().collect();
        let kept: Vec<_> = if listed.complete {
            deadline.allow_for(missing.len());
            let is_there = missing.into_iter().map(|zone| async move {
                let presence = unless_it_panics(api.zone_status(zone.id, deadline.at())).await.flatten();
                // a zone whose request failed has not left
                matches!(presence, Ok(Presence::Active) | Err(_)).then_some(zone)
            });
            stream::iter(is_there).buffered(WIDTH).filter_map(|zone| async move { zone }).collect().await
        } else {
            missing
        };
        let unread = self.known.iter().filter(|zone| unread.contains(&zone.id)).cloned();
        let kept = kept.into_iter().chain(unread);
        let active = listed.zones.into_iter().filter(|zone| zone.active == Some(true) && !zone.internal);
        let active = active.map(|zone| FoundZone { name: zone.name, id: zone.id });
        Ok((active.chain(kept).collect(), odd))
    }

    fn now(&self) -> Date {
        self.clock.now().into()
    }
}

/// Describes what is wrong with a list, if anything. A zone without a readable status is watched only if it
/// was before.
fn odd(listed: &ZoneList) -> Option<String> {
    let mut public = listed.zones.iter().filter(|zone| !zone.internal);
    let without_status = public.find(|zone| zone.active.is_none());
    match (&listed.unreadable, without_status) {
        (Some(row), _) => Some(format!("a row of it has no readable name or id: {row}")),
        (None, Some(zone)) => Some(format!("its row of zone {} has no readable status", zone.name)),
        (None, None) if listed.complete => None,
        (None, None) => Some("it ended early, or changed while it was read".to_owned()),
    }
}
