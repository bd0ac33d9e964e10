//! Reads a zone by its lists, and the rest by a GET for each hostname.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use super::api::Api;
use super::breaker::Breaker;
use super::listing::{self, Listing, Unresolved};
use super::plan::{self, Again, Lists, ReadMode};
use super::seen::{Thing, Trouble};
use super::unless_it_panics;
use super::zone::{ZonePoll, leaves_others_a_chance};
use crate::cloudflare::{Error, ListedCertificates, Purpose};
use crate::domain::{
    Association, CertId, Hostname, Level, Outcome, Reading, Reason, ZoneCertificate, ZoneId,
};

/// The result of reading the lists of a zone.
enum Read {
    Both(Listing),
    /// The first of this many pages showed that a GET for each hostname costs less.
    TooLong(usize),
}

impl<A: Api> ZonePoll<A> {
    /// Reads the associations of the zone as planned, and ends its poll.
    pub(super) async fn associations(&self, id: ZoneId) {
        let (learned, hostnames) = (self.memory.lists(), self.zone.entries().len());
        let mode = plan::read_mode(self.zone.target().extent(), hostnames, learned, Instant::now());
        if mode == ReadMode::Gets {
            if !matches!(learned, Lists::Refused { .. }) {
                self.forget_list().await;
            }
            return self.ask_all(id, Breaker::default()).await;
        }
        match unless_it_panics(self.lists(id, mode)).await.flatten() {
            Ok(Read::Both(listing)) => self.listed(id, listing).await,
            Ok(Read::TooLong(pages)) => {
                self.memory.set_lists(Lists::TooLong { pages, at: Instant::now() });
                self.forget_list().await;
                self.ask_all(id, Breaker::default()).await;
            }
            Err(error) if leaves_others_a_chance(&error) && hostnames > 0 => {
                self.do_without_lists(&error);
                self.ask_all(id, Breaker::after(&error)).await;
            }
            Err(error) => self.fail("zone could not be listed", &error, Purpose::List).await,
        }
    }

    async fn ask_all(&self, id: ZoneId, breaker: Breaker) {
        let hostnames = self.zone.entries().iter().map(|entry| entry.hostname().clone());
        self.ask(id, hostnames.collect(), breaker, false).await;
    }

    async fn forget_list(&self) {
        if self.zone.listed().is_some() {
            self.report(Outcome::Unlisted).await;
        }
    }

    async fn lists(&self, id: ZoneId, mode: ReadMode) -> Result<Read, Error> {
        let (api, hostnames) = (&self.account.api, self.zone.entries().len());
        let pages = AtomicUsize::new(0);
        let proceed = |count: u32| {
            pages.store(count as usize, Ordering::Relaxed);
            mode == ReadMode::Lists || plan::is_short(count as usize, hostnames)
        };
        let Some(associations) = api.associations(id, self.deadline.at(), proceed).await? else {
            return Ok(Read::TooLong(pages.into_inner()));
        };
        let is_empty = associations.complete && associations.rows.is_empty();
        let certificates = if is_empty && self.zone.target().is_found() {
            // most zones of an account have neither associations nor certificates
            ListedCertificates { complete: true, ..ListedCertificates::default() }
        } else {
            api.hostname_certificates(id, self.deadline.at()).await?
        };
        let mut listing = listing::join(associations, &certificates.rows, self.now());
        listing.requests += certificates.pages as usize;
        listing.certificates = self.with_unread(listing.certificates, certificates.complete, Level::Hostname);
        self.met_rows("associations", listing.complete);
        if !listing.complete {
            self.telemetry.poll_error(self.zone.key(), Reason::InvalidResponse);
            self.keep_counts(&mut listing.certificates);
        }
        Ok(Read::Both(listing))
    }

    /// Records whether all rows of a list could be read.
    pub(super) fn met_rows(&self, list: &'static str, complete: bool) {
        let what = || {
            format!(
                "the list of {list} changed while it was read, or has unreadable rows; --log-level debug names them"
            )
        };
        self.met(Thing::Rows(list), if complete { Ok(()) } else { Err(Trouble::odd(&what())) });
    }

    /// Continues with a GET for each hostname.
    fn do_without_lists(&self, error: &Error) {
        let learned = self.memory.lists();
        tracing::debug!(zone = %self.zone.key(), %error, "the lists could not be read: hostnames are read one by one");
        self.met(Thing::Lists, Err(Trouble::new(error, Purpose::List)));
        let again = match error.reason() {
            Reason::Timeout if matches!(error, Error::Transport { .. }) => Again::Soon,
            Reason::ServerError | Reason::InvalidResponse | Reason::Timeout => Again::NextPoll,
            _ => Again::Hourly,
        };
        let is_wanted = plan::needs_lists(self.zone.target().extent()) || learned.are_read();
        if again != Again::Hourly || is_wanted {
            self.telemetry.poll_error(self.zone.key(), error.reason());
        }
        self.memory.set_lists(Lists::Refused { at: Instant::now(), again });
    }

    /// Reports the hostnames that the lists cover, and reads the rest by GETs.
    async fn listed(&self, id: ZoneId, listing: Listing) {
        self.met(Thing::Lists, Ok(()));
        let discovers = self.zone.target().extent().discovered.is_some();
        let is_empty = listing.complete && listing.hostnames.is_empty();
        if discovers
            && is_empty
            && !self.zone.target().is_found()
            && self.memory.is_empty_for_the_first_time()
        {
            self.seen().is_empty = true;
        }
        self.memory.retain(|hostname| self.zone.entry(hostname).is_some());
        let Absent { mut readings, confirm, mut unresolved } = self.absent(&listing);
        let asked = || confirm.iter().chain(&unresolved);
        let present = listing.complete.then(|| listing.hostnames.keys().chain(asked()).cloned().collect());
        for (hostname, reading) in listing.hostnames {
            if !discovers && self.zone.entry(&hostname).is_none() {
                continue;
            }
            match reading {
                Ok(reading) => readings.push((hostname, reading)),
                Err(why) => {
                    if why == Unresolved::Untrusted {
                        self.telemetry.poll_error(self.zone.key(), Reason::InvalidResponse);
                    }
                    unresolved.push(hostname);
                }
            }
        }
        self.learn(listing.requests, unresolved.len(), confirm.len());
        let (certificates, at) = (listing.certificates, self.now());
        self.report(Outcome::Listed { hostnames: readings, present, certificates, at }).await;
        unresolved.extend(confirm);
        self.ask(id, unresolved, Breaker::default(), true).await;
    }

    /// Sorts the known hostnames that the list lacks.
    fn absent(&self, listing: &Listing) -> Absent {
        let mut absent = Absent::default();
        for entry in self.zone.entries() {
            let hostname = entry.hostname();
            if listing.hostnames.contains_key(hostname) {
                continue;
            }
            let was_none = entry.association() == Some(Association::None);
            if !listing.complete {
                absent.unresolved.push(hostname.clone());
            } else if was_none && self.memory.is_confirmed(hostname) {
                absent.readings.push((hostname.clone(), Reading::bare(Association::None, self.now())));
            } else if self.memory.is_contradicted(hostname) {
                absent.unresolved.push(hostname.clone());
            } else if entry.is_configured() || listing.pages > 1 {
                absent.confirm.push(hostname.clone());
            }
        }
        absent
    }

    /// Stores the cost of these lists for the next plan, and extends the deadline for requests that this plan
    /// did not expect.
    fn learn(&self, requests: usize, unresolved: usize, confirm: usize) {
        let (target, hostnames, at) = (self.zone.target(), self.zone.entries().len(), Instant::now());
        let planned =
            plan::requests(target.extent(), target.is_found(), hostnames, self.memory.lists(), at).most;
        self.deadline.allow_for((requests + unresolved + confirm).saturating_sub(planned));
        self.memory.set_lists(Lists::Read { requests, unresolved, at });
    }

    /// Returns the certificates of a list. If some rows could not be read, known certificates that may be in
    /// them are kept.
    fn with_unread(
        &self,
        mut rows: Vec<ZoneCertificate>,
        complete: bool,
        level: Level,
    ) -> Vec<ZoneCertificate> {
        let list = match level {
            Level::Hostname => "hostname certificates",
            Level::Zone => "zone-level certificates",
        };
        self.met_rows(list, complete);
        if !complete {
            self.telemetry.poll_error(self.zone.key(), Reason::InvalidResponse);
            let read: HashSet<CertId> = rows.iter().map(|row| row.id.clone()).collect();
            let known = self.zone.certificates().iter().filter(|known| known.level == level);
            rows.extend(known.filter(|known| !read.contains(&known.id)).cloned());
        }
        rows
    }

    /// Restores the association counts of the last complete list, since an incomplete list counts too few.
    fn keep_counts(&self, certificates: &mut [ZoneCertificate]) {
        let known = self.zone.certificates().iter().filter(|known| known.level == Level::Hostname);
        let known: HashMap<&CertId, Option<u32>> = known.map(|known| (&known.id, known.hostnames)).collect();
        for row in certificates {
            row.hostnames = known.get(&row.id).copied().flatten();
        }
    }

    /// Returns the listed zone-level certificates.
    pub(super) fn zone_level_rows(&self, listed: &ListedCertificates) -> Vec<ZoneCertificate> {
        let rows = listed.rows.iter().map(|row| row.at(Level::Zone));
        self.with_unread(rows.collect(), listed.complete, Level::Zone)
    }
}

/// The known hostnames that a list lacks.
#[derive(Default)]
struct Absent {
    /// Hostnames that a GET within the last hour confirmed to have no association.
    readings: Vec<(Hostname, Reading)>,
    /// Hostnames that a GET must confirm, after which the list is trusted for an hour.
    confirm: Vec<Hostname>,
    /// Hostnames that need a GET in every poll while the list lacks them.
    unresolved: Vec<Hostname>,
}
