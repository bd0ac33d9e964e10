//! The judge, which decides which findings hold.

mod origins;
mod thresholds;
mod words;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{
    AccountState, Association, Certificate, Date, Entry, Finding, Findings, Level, Part, PartKind, Reading,
    Snapshot, SslMode, Status, Subject, Verdict, ZoneCertificate, ZoneState,
};

pub use thresholds::Thresholds;
pub use words::Told;

/// A certificate with more associations than this is near its limit of 100.
const NEAR_LIMIT: u32 = 90;
/// A reading of at most this many seconds is not stale, even if its interval is short.
const FRESH: i64 = 15 * 60;
/// A reading that is this many intervals old is stale.
const STALE_INTERVALS: i64 = 3;
/// A response with status 429 is reported for this many seconds.
const RATE_LIMITED: i64 = 15 * 60;
/// The last answer of an origin holds for this many seconds while probes get no answer.
const ANSWERED: i64 = 24 * 60 * 60;
/// A vanished hostname is reported for this many seconds.
const REMOVED: i64 = 60 * 60;

/// Judges one snapshot at one moment. All displayed verdicts come from here.
pub struct Judge {
    snapshot: Arc<Snapshot>,
    thresholds: Thresholds,
    now: Date,
    /// The accounts of which nothing was read for too long.
    stale_accounts: BTreeSet<Arc<str>>,
}

impl Judge {
    /// Judges `snapshot` at `now`.
    pub fn new(snapshot: Arc<Snapshot>, thresholds: Thresholds, now: Date) -> Self {
        let mut judge = Self { snapshot, thresholds, now, stale_accounts: BTreeSet::new() };
        let accounts = judge.snapshot.accounts().iter().map(|account| Arc::clone(account.name()));
        let mut stale: BTreeSet<_> = accounts.collect();
        let mut without_zone = stale.clone();
        for zone in judge.snapshot.zones() {
            without_zone.remove(zone.account());
            if !zone.needed_parts().all(|part| judge.is_old(part, part.seen())) {
                stale.remove(zone.account());
            }
        }
        judge.stale_accounts = &stale - &without_zone;
        for account in judge.snapshot.accounts() {
            let list = account.zone_list().map(|list| list.part);
            if list.is_some_and(|part| judge.is_old(part, part.seen())) {
                judge.stale_accounts.insert(Arc::clone(account.name()));
            }
        }
        judge
    }

    /// Returns the judged snapshot.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Returns the thresholds.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// Returns the time at which the snapshot is judged.
    pub fn now(&self) -> Date {
        self.now
    }

    /// Returns true if the latest attempts could read the associations or the zone level of at least one zone of the
    /// account, or it has no zones. If the account has patterns, the list of its zones must have been read as well.
    pub fn is_up(&self, account: &AccountState) -> bool {
        account.zone_list().is_none_or(|list| list.part.is_up()) && self.is_any_zone_up(account)
    }

    /// Returns true if a part of any zone was read. If the quota is short, the others are read later.
    fn is_any_zone_up(&self, account: &AccountState) -> bool {
        let mut zones = self.snapshot.zones().iter().filter(|zone| zone.account() == &**account.name());
        let mut is_any = false;
        zones.any(|zone| {
            is_any = true;
            zone.needed_parts().any(Part::is_up)
        }) || !is_any
    }

    /// Returns the findings about an account.
    pub fn account(&self, account: &AccountState) -> Findings {
        let mut found = Findings::none(Subject::Account);
        let facts = account.facts();
        let is_invalid = facts.token.valid == Some(false);
        let left = facts.token.expires.map(|end| end.seconds_from(self.now));
        found.add(Finding::NotRead, !self.is_up(account));
        found.add(Finding::Stale, self.stale_accounts.contains(account.name()));
        found.add(Finding::TokenInvalid, is_invalid);
        found.add(
            Finding::TokenExpiresSoon,
            !is_invalid && left.is_some_and(|left| left < self.thresholds.warning),
        );
        found.add(Finding::RateLimited, self.is_within(RATE_LIMITED, facts.rate_limited_at));
        let removed_at = account.zone_list().and_then(|list| list.removed_at);
        found.add(Finding::ZonesRemoved, self.is_within(REMOVED, removed_at));
        found
    }

    /// Returns the findings about a zone, without those about its hostnames and certificates.
    pub fn zone(&self, zone: &ZoneState) -> Findings {
        let mut found = Findings::none(Subject::Zone).ignoring(zone.target().ignored());
        found.add(Finding::NotRead, !zone.is_up());
        found.add(Finding::Stale, self.is_zone_old(zone) && !self.is_account_stale(zone));
        found.add(Finding::HostnamesRemoved, self.is_within(REMOVED, zone.removed_at()));
        found.add(Finding::SslMode, has_useless_ssl_mode(zone));
        found
    }

    /// Returns the findings about a certificate of a zone. Most findings about a certificate of the hostname store are
    /// about the hostnames that use it.
    pub fn certificate(&self, zone: &ZoneState, known: &ZoneCertificate) -> Findings {
        let mut found = Findings::none(Subject::Certificate).ignoring(zone.target().ignored());
        let is_near = known.hostnames.is_some_and(|hostnames| hostnames > NEAR_LIMIT);
        found.add(Finding::NearHostnameLimit, is_near);
        found.add(Finding::DeletionTimedOut, known.status == Some(Status::DeletionTimedOut));
        if known.level == Level::Zone && zone.zone_level_enabled() != Some(false) {
            self.presented(&mut found, Some(&known.certificate), known.status);
            found.add(Finding::DeploymentTimedOut, known.status == Some(Status::DeploymentTimedOut));
            found.add(Finding::Pending, self.pending_certificate(known).is_some());
        }
        found
    }

    /// Returns the findings about a hostname of a zone.
    pub fn hostname(&self, zone: &ZoneState, entry: &Entry) -> Findings {
        let mut found = Findings::none(Subject::Hostname)
            .ignoring(zone.target().ignored().and(entry.expectation().ignored));
        found.add(Finding::NotRead, !entry.is_up());
        // most hostnames are read together with their zone
        let is_stale = self.is_old(zone.part(PartKind::Associations), entry.seen());
        found.add(Finding::Stale, is_stale && !self.is_zone_old(zone) && !self.is_account_stale(zone));
        self.origins(&mut found, zone, entry);
        let Some(reading) = entry.reading() else { return found };
        found.add(Finding::Drifted, entry.expectation().is_drifted(reading));
        if reading.association == Association::Enabled {
            self.presented(&mut found, reading.certificate.as_deref(), reading.certificate_status);
        }
        if reading.association != Association::None {
            let has = |status| [reading.status, reading.certificate_status].contains(&Some(status));
            found.add(Finding::DeploymentTimedOut, has(Status::DeploymentTimedOut));
            found.add(Finding::DeletionTimedOut, has(Status::DeletionTimedOut));
            found.add(Finding::Pending, self.pending(entry, reading).next().is_some());
        }
        found
    }

    /// Returns the number of hostnames by verdict, the worst first.
    pub fn hostnames_by_verdict(&self) -> BTreeMap<Reverse<Verdict>, usize> {
        let mut counts = BTreeMap::new();
        for zone in self.snapshot.zones() {
            for entry in zone.entries() {
                *counts.entry(Reverse(self.hostname(zone, entry).verdict())).or_default() += 1;
            }
        }
        counts
    }

    /// Returns the worst severity of all findings.
    pub fn verdict(&self) -> Verdict {
        let accounts = self.snapshot.accounts().iter().map(|account| self.account(account));
        let zones = self.snapshot.zones().iter().flat_map(|zone| {
            let certificates = zone.certificates().iter().map(|known| self.certificate(zone, known));
            let hostnames = zone.entries().iter().map(|entry| self.hostname(zone, entry));
            certificates.chain(hostnames).chain([self.zone(zone)])
        });
        accounts.chain(zones).map(Findings::verdict).max().unwrap_or_default()
    }

    /// Adds the findings about a certificate that is presented.
    fn presented(&self, found: &mut Findings, certificate: Option<&Certificate>, status: Option<Status>) {
        let left = certificate.and_then(Certificate::ends).map(|end| end.seconds_from(self.now));
        found.add(Finding::EndUnknown, left.is_none());
        if let Some(finding) = left.and_then(|left| self.thresholds.of_end(left)) {
            found.add(finding, true);
        }
        let begins = certificate.and_then(Certificate::pem).map(|pem| pem.not_before);
        found.add(Finding::NotYetValid, begins > Some(self.now));
        let matches = certificate.and_then(Certificate::metadata_match);
        found.add(Finding::MetadataMismatch, matches == Some(false));
        let is_deleted = matches!(status, Some(Status::PendingDeletion | Status::Deleted));
        found.add(Finding::CertificateDeleted, is_deleted);
    }

    /// Returns what has been pending for too long of a hostname: the noun, the status, and the seconds.
    fn pending(&self, entry: &Entry, reading: &Reading) -> impl Iterator<Item = (&'static str, Status, i64)> {
        let certificate_changed = match reading.certificate_status {
            // the upload is no indication of when the deletion began
            Some(Status::PendingDeletion) => reading.certificate_updated_at,
            _ => reading.certificate_uploaded_on,
        };
        let parts = [
            ("association", reading.status, reading.updated_at),
            ("certificate", reading.certificate_status, certificate_changed),
        ];
        let overdue = parts.map(|(what, status, began)| {
            let (status, seconds) = self.overdue(status, began, entry.since())?;
            Some((what, status, seconds))
        });
        overdue.into_iter().flatten()
    }

    /// Returns the status of a zone-level certificate that has been pending for too long, and the seconds.
    fn pending_certificate(&self, known: &ZoneCertificate) -> Option<(Status, i64)> {
        let is_deleted = known.status == Some(Status::PendingDeletion);
        let uploaded_on = known.uploaded_on.filter(|_| !is_deleted);
        self.overdue(known.status, uploaded_on, known.since)
    }

    /// Returns the status and its duration in seconds if it has been pending for too long. It began at `began`, or at
    /// `seen` if `began` is missing or in the future.
    fn overdue(
        &self,
        status: Option<Status>,
        began: Option<Date>,
        seen: Option<Date>,
    ) -> Option<(Status, i64)> {
        let status = status.filter(|status| status.is_pending())?;
        let began = began.filter(|began| *began <= self.now).or(seen)?;
        let seconds = self.now.seconds_from(began);
        (seconds > self.thresholds.pending).then_some((status, seconds))
    }

    fn is_account_stale(&self, zone: &ZoneState) -> bool {
        self.stale_accounts.contains(zone.account())
    }

    /// Returns true if a part that the zone needs is stale.
    fn is_zone_old(&self, zone: &ZoneState) -> bool {
        zone.needed_parts().any(|part| self.is_old(part, part.seen()))
    }

    /// Returns true if this part, or a hostname read with it, is stale. `seen` is the time when it was last read, or
    /// else when a poll first planned to read it.
    fn is_old(&self, part: Part, seen: Option<Date>) -> bool {
        let interval =
            part.interval.map_or(0, |interval| i64::try_from(interval.as_secs()).unwrap_or(i64::MAX));
        let limit = interval.saturating_mul(STALE_INTERVALS).max(FRESH);
        seen.is_some_and(|seen| self.now.seconds_from(seen) > limit)
    }

    /// Returns true if `at` was in the last `span` seconds.
    fn is_within(&self, span: i64, at: Option<Date>) -> bool {
        at.is_some_and(|at| (0..span).contains(&self.now.seconds_from(at)))
    }
}

/// Returns true if the zone's SSL mode keeps Cloudflare from presenting the certificate of the zone or of a hostname.
fn has_useless_ssl_mode(zone: &ZoneState) -> bool {
    let is_useless = matches!(zone.ssl_mode(), Some(SslMode::Off | SslMode::Flexible));
    let has_enabled = || zone.entries().iter().any(|entry| entry.association() == Some(Association::Enabled));
    is_useless
        && (zone.zone_level_enabled() == Some(true) || zone.global_enabled() == Some(true) || has_enabled())
}
