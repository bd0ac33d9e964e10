//! The zone id look-ups of one account within one poll.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use super::api::Api;
use super::memory::Memory;
use crate::cloudflare::{Error, VisibleZones};
use crate::domain::{ZoneId, ZoneName, ZoneState};

/// The number of names from which all visible zones are listed, 50 per page, instead of a request for each
/// name.
const MANY: usize = 51;
/// The number of concurrent look-ups by name.
const WIDTH: usize = 4;
/// The number of refused look-ups by name in a row after which the others of this poll fail without a
/// request.
const MOST_REFUSED: usize = 3;
/// The maximum number of pages read if look-ups by name are refused.
const MOST_PAGES: usize = 100;

/// The look-ups of one account within one poll. The list of all zones is read at most once.
pub(super) struct Lookup<A> {
    api: Arc<A>,
    /// The number of names to look up.
    names: usize,
    listed: OnceCell<Result<Option<VisibleZones>, Arc<Error>>>,
    running: Semaphore,
    /// The number of refused look-ups by name in a row, and the latest refusal.
    refused: Mutex<(usize, Option<Arc<Error>>)>,
}

impl<A: Api> Lookup<A> {
    pub(super) fn new(api: Arc<A>, names: usize) -> Self {
        let running = Semaphore::new(WIDTH);
        Self { api, names, listed: OnceCell::new(), running, refused: Mutex::default() }
    }

    /// Returns the id of the zone with this name. A token may be allowed only one of two ways to find it, so
    /// the other way is tried if the first is refused.
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
                // a list that changed while it was read may lack an existing zone, and a token may be allowed
                // only to look up a name
                Err(Error::NoZone(_) | Error::NoZones(_)) => self.by_name(name, deadline).await,
                found => found,
            },
            Ok(None) => self.by_name(name, deadline).await,
            Err(error) if is_refused(error) => self.by_name(name, deadline).await,
            Err(error) => Err(Error::Common(Arc::clone(error))),
        }
    }

    async fn by_name(&self, name: &ZoneName, deadline: Instant) -> Result<ZoneId, Error> {
        // the semaphore is never closed, so a permit always comes
        let _permit = self.running.acquire().await;
        if let (MOST_REFUSED.., Some(error)) = &*self.refused() {
            return Err(Error::Common(Arc::clone(error)));
        }
        match self.api.zone_id(name, deadline).await {
            // a token that sees no zone at all cannot see the others either
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

/// Returns true if a failure concerns this way of asking, and not the names, the token, the quota or the
/// network.
fn is_refused(error: &Error) -> bool {
    !is_about_names(error) && !error.concerns_all()
}

/// Returns true if a look-up was answered, but not with exactly one zone of that name.
pub(super) fn is_about_names(error: &Error) -> bool {
    match error {
        Error::Common(error) => is_about_names(error),
        error => matches!(error, Error::NoZone(_) | Error::NoZones(_) | Error::ManyZones(..)),
    }
}

/// Returns the name by which a zone is looked up. None if its id is configured.
pub(super) fn name(zone: &ZoneState) -> Option<&ZoneName> {
    let target = zone.target();
    target.name().filter(|_| target.id().is_none())
}

/// Returns true if a poll looks up the id of this zone.
pub(super) fn is_looked_up(zone: &ZoneState, memory: &Memory, now: Instant) -> bool {
    name(zone).is_some() && (zone.id().is_none() || memory.is_id_refused() || memory.is_look_up_due(now))
}

/// Returns the number of requests for this many look-ups, unless a zone must be looked up again.
pub(super) fn requests(names: usize) -> usize {
    if names >= MANY { names.div_ceil(MANY - 1) } else { names }
}
