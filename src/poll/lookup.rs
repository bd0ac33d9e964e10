//! The look-ups of one account's zone ids within one poll.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use super::api::Api;
use super::memory::Memory;
use crate::cloudflare::{Error, VisibleZones};
use crate::domain::{ZoneId, ZoneName, ZoneState};

/// From this many names on, all zones that the token sees are listed, 50 a page, instead of a request for each name.
const MANY: usize = 51;
/// Look-ups by name that run side by side.
const WIDTH: usize = 4;
/// After so many refused look-ups by name in a row the others of this poll fail without being sent.
const MOST_REFUSED: usize = 3;
/// The pages that are read at most where look-ups by name are refused.
const MOST_PAGES: usize = 100;

/// The look-ups of one account within one poll. The list of all zones is read once at most.
pub(super) struct Lookup<A> {
    api: Arc<A>,
    /// The number of names to look up.
    names: usize,
    listed: OnceCell<Result<Option<VisibleZones>, Arc<Error>>>,
    running: Semaphore,
    /// The refused look-ups by name in a row, and the latest of them.
    refused: Mutex<(usize, Option<Arc<Error>>)>,
}

impl<A: Api> Lookup<A> {
    pub(super) fn new(api: Arc<A>, names: usize) -> Self {
        let running = Semaphore::new(WIDTH);
        Self { api, names, listed: OnceCell::new(), running, refused: Mutex::default() }
    }

    /// The id of the zone of that name. A token may be allowed one way to find it and refused the other, so the other
    /// is tried where the first is refused.
    pub(super) async fn find(&self, name: &ZoneName, deadline: Instant) -> Result<ZoneId, Error> {
        if self.names < MANY {
            return match self.by_name(name, deadline).await {
                Err(error) if is_refused(&error) => match self.list(MOST_PAGES, deadline).await {
                    Ok(Some(zones)) => zones.find(name),
                    _ => Err(error),
                },
                found => found,
            };
        }
        match self.list(self.names, deadline).await {
            Ok(Some(zones)) => match zones.find(name) {
                // a list that changed while its pages were read may lack a zone that is there, and a token may be
                // allowed nothing but to look for a name
                Err(Error::NoZone(_) | Error::NoZones(_)) => self.by_name(name, deadline).await,
                found => found,
            },
            Ok(None) => self.by_name(name, deadline).await,
            Err(error) if is_refused(error) => self.by_name(name, deadline).await,
            Err(error) => Err(Error::Common(Arc::clone(error))),
        }
    }

    async fn by_name(&self, name: &ZoneName, deadline: Instant) -> Result<ZoneId, Error> {
        // never closed, so that there is always a permit in the end
        let _permit = self.running.acquire().await;
        if let (MOST_REFUSED.., Some(error)) = &*self.refused() {
            return Err(Error::Common(Arc::clone(error)));
        }
        match self.api.zone_id(name, deadline).await {
            // a token that sees no zone at all sees none of the others either
            Err(error) if is_refused(&error) || matches!(error, Error::NoZones(_)) => {
                let error = Arc::new(error);
                let mut refused = self.refused();
                *refused = (refused.0 + 1, Some(Arc::clone(&error)));
                Err(Error::Common(error))
            }
            found => {
                *self.refused() = (0, None);
                found
            }
        }
    }

    fn refused(&self) -> MutexGuard<'_, (usize, Option<Arc<Error>>)> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn list(&self, most_pages: usize, deadline: Instant) -> Result<Option<&VisibleZones>, &Arc<Error>> {
        let list = async || self.api.visible_zones(most_pages, deadline).await.map_err(Arc::new);
        self.listed.get_or_init(list).await.as_ref().map(Option::as_ref)
    }
}

/// Returns true if a failure is about this way of asking: not about the names, the token, the quota or the network.
fn is_refused(error: &Error) -> bool {
    !is_about_names(error) && !error.concerns_all()
}

/// Returns true if a look-up was answered and no one zone has that name.
pub(super) fn is_about_names(error: &Error) -> bool {
    match error {
        Error::Common(error) => is_about_names(error),
        error => matches!(error, Error::NoZone(_) | Error::NoZones(_) | Error::ManyZones(..)),
    }
}

/// The name by which a zone is looked up; none if its id is configured.
pub(super) fn name(zone: &ZoneState) -> Option<&ZoneName> {
    let target = zone.target();
    target.name().filter(|_| target.id().is_none())
}

/// Returns true if a poll looks up the id of that zone.
pub(super) fn is_looked_up(zone: &ZoneState, memory: &Memory, now: Instant) -> bool {
    name(zone).is_some() && (zone.id().is_none() || memory.is_id_refused() || memory.is_look_up_due(now))
}

/// The requests that so many look-ups take, unless a zone must be looked up again.
pub(super) fn requests(names: usize) -> usize {
    if names >= MANY { names.div_ceil(MANY - 1) } else { names }
}
