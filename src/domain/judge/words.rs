//! Describes findings in words.

use super::Judge;
use crate::domain::{
    AccountState, Association, CertId, Certificate, Date, Distance, Entry, Finding, Findings, PartKind,
    Reason, Span, SslMode, Status, Verdict, ZoneCertificate, ZoneState,
};

/// A finding in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The finding.
    pub finding: Finding,
    /// The severity of the finding.
    pub severity: Verdict,
    /// True if the configuration ignores the finding, so that it does not count.
    pub ignored: bool,
    /// A description of this case.
    pub message: String,
}

impl Told {
    /// Returns the worst severity of findings that are sorted by severity, or ok. Ignored findings come last and do not
    /// count.
    pub fn worst(told: &[Self]) -> Verdict {
        told.first().filter(|told| !told.ignored).map_or(Verdict::Ok, |told| told.severity)
    }
}

impl Judge {
    /// Describes the findings about an account, the worst first.
    pub fn tell_account(&self, account: &AccountState) -> Vec<Told> {
        let facts = account.facts();
        told(self.account(account), |finding| match finding {
            Finding::NotRead => match account.zone_list() {
                Some(list) if !list.part.is_up() => {
                    format!("its zones are not listed{}", because(list.part.failure()))
                }
                _ => "none of its zones was read".into(),
            },
            Finding::Stale => "nothing has been read for too long".into(),
            Finding::ZonesRemoved => {
                let at = account.zone_list().and_then(|list| list.removed_at);
                self.distance("a zone that matched a pattern vanished", at)
            }
            Finding::TokenInvalid => "the token is not valid".into(),
            Finding::TokenExpiresSoon => self.distance("the token expires", facts.token.expires),
            _ => {
                let ago = self.distance("Cloudflare answered 429", facts.rate_limited_at);
                format!("{ago}, and may block requests for minutes")
            }
        })
    }

    /// Describes the findings about a zone, the worst first.
    pub fn tell_zone(&self, zone: &ZoneState) -> Vec<Told> {
        told(self.zone(zone), |finding| match finding {
            Finding::NotRead if zone.part(PartKind::Associations).is_up() => {
                format!("zone level {}", not_read(zone.failure()))
            }
            Finding::NotRead => not_read(zone.failure()),
            Finding::Stale => self.last_read(zone.last_success()),
            Finding::SslMode => {
                let mode = zone.ssl_mode().map_or("", SslMode::label);
                format!("the SSL mode is {mode}: Cloudflare presents no certificate")
            }
            _ => self.distance("a discovered hostname vanished", zone.removed_at()),
        })
    }

    /// Describes the findings about a certificate of a zone, the worst first.
    pub fn tell_certificate(&self, zone: &ZoneState, known: &ZoneCertificate) -> Vec<Told> {
        told(self.certificate(zone, known), |finding| match finding {
            Finding::NearHostnameLimit => {
                format!("{} of at most 100 hostnames", known.hostnames.unwrap_or_default())
            }
            Finding::Pending => {
                let pending = self.pending_certificate(known);
                pending.map(|(status, seconds)| lasts("certificate", status, seconds)).unwrap_or_default()
            }
            Finding::DeploymentTimedOut => timed_out("deployment", "certificate"),
            Finding::DeletionTimedOut => timed_out("deletion", "certificate"),
            _ => self.presented_words(finding, Some(&known.certificate), known.status),
        })
    }

    /// Describes the findings about a hostname of a zone, the worst first.
    pub fn tell_hostname(&self, zone: &ZoneState, entry: &Entry) -> Vec<Told> {
        let reading = entry.reading();
        let status = reading.and_then(|reading| reading.status);
        let what = |timed_out| if status == Some(timed_out) { "association" } else { "certificate" };
        told(self.hostname(zone, entry), |finding| match finding {
            Finding::NotRead => not_read(entry.failure()),
            Finding::Stale => self.last_read(reading.map(|reading| reading.read_at)),
            Finding::Drifted => drift(entry),
            Finding::Pending => {
                let pending = reading.into_iter().flat_map(|reading| self.pending(entry, reading));
                let pending = pending.map(|(what, status, seconds)| lasts(what, status, seconds));
                pending.collect::<Vec<_>>().join(", ")
            }
            Finding::DeploymentTimedOut => timed_out("deployment", what(Status::DeploymentTimedOut)),
            Finding::DeletionTimedOut => timed_out("deletion", what(Status::DeletionTimedOut)),
            Finding::OriginUnprotected | Finding::OriginDemandsCertificate | Finding::OriginMayReject => {
                self.origin_words(finding, zone, entry)
            }
            _ => {
                let certificate = reading.and_then(|reading| reading.certificate.as_deref());
                let status = reading.and_then(|reading| reading.certificate_status);
                self.presented_words(finding, certificate, status)
            }
        })
    }

    fn presented_words(
        &self,
        finding: Finding,
        certificate: Option<&Certificate>,
        status: Option<Status>,
    ) -> String {
        let ends = certificate.and_then(Certificate::ends);
        let begins = certificate.and_then(Certificate::pem).map(|pem| pem.not_before);
        match finding {
            Finding::Expired => self.distance("expired", ends),
            Finding::ExpiresVerySoon | Finding::ExpiresSoon => self.distance("expires", ends),
            Finding::NotYetValid => self.distance("becomes valid", begins),
            Finding::EndUnknown => "the end of the certificate is unknown".into(),
            Finding::MetadataMismatch => mismatch(certificate),
            _ if status == Some(Status::Deleted) => "the certificate is deleted".into(),
            _ => "the certificate is being deleted".into(),
        }
    }

    fn last_read(&self, at: Option<Date>) -> String {
        if at.is_some() { self.distance("last read", at) } else { "never read".into() }
    }

    /// Formats `what`, followed by the distance from now if there is a date.
    fn distance(&self, what: &str, date: Option<Date>) -> String {
        let distance = date.map(|date| Distance(date.seconds_from(self.now)));
        distance.map_or_else(|| what.to_owned(), |distance| format!("{what} {distance}"))
    }
}

fn told(findings: Findings, message: impl Fn(Finding) -> String) -> Vec<Told> {
    let told = |ignored| {
        let message = &message;
        move |(finding, severity)| Told { finding, severity, ignored, message: message(finding) }
    };
    findings.iter().map(told(false)).chain(findings.ignored().map(told(true))).collect()
}

fn because(failure: Option<Reason>) -> String {
    failure.map_or(" yet".into(), |reason| format!(": {}", reason.words()))
}

fn not_read(failure: Option<Reason>) -> String {
    failure.map_or("not read yet".into(), |reason| format!("not read: {}", reason.words()))
}

fn lasts(what: &str, status: Status, seconds: i64) -> String {
    format!("{what} {} for {}", status.label(), Span(seconds))
}

fn timed_out(change: &str, what: &str) -> String {
    format!("{change} of the {what} timed out")
}

/// Describes how a hostname differs from its expectation.
fn drift(entry: &Entry) -> String {
    let Some(reading) = entry.reading() else { return String::new() };
    let expectation = entry.expectation();
    if !expectation.association.admits(reading.association) {
        let is = match reading.association {
            Association::None => "has no association".to_owned(),
            other => format!("is {}", other.label()),
        };
        return format!("expected {}, {is}", expectation.association.label());
    }
    let has = reading.certificate.as_ref().and_then(|certificate| certificate.id());
    let expected = expectation.cert_id.as_ref();
    let (expected, has) = (expected.map_or("", CertId::as_str), has.map_or("none", CertId::as_str));
    let shared = expected.bytes().zip(has.bytes()).take_while(|(one, other)| one == other).count();
    format!("expected certificate {}, has {}", shortened(expected, shared), shortened(has, shared))
}

/// Shortens an id so that it still differs from another one with the same first `shared` characters.
fn shortened(id: &str, shared: usize) -> String {
    let length = (shared + 1).max(4);
    if length + 1 < id.len() { format!("{}…", &id[..length]) } else { id.to_owned() }
}

/// Describes how the API and a certificate disagree.
fn mismatch(certificate: Option<&Certificate>) -> String {
    let dates = certificate.and_then(|known| Some((known.details().expires_on?, known.pem()?.not_after)));
    match dates {
        Some((api, pem)) if api != pem => {
            let day = |date: Date| jiff::Timestamp::from(date).strftime("%Y-%m-%d").to_string();
            format!("the API says that it ends {}, the certificate says {}", day(api), day(pem))
        }
        _ => "the API and the certificate have different serial numbers".into(),
    }
}
