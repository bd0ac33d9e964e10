//! What a reading means to somebody who has to act on it.

use super::{Date, Entry, Status};

/// How soon before its end a certificate is worth a warning, and how soon it is critical.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    /// Seconds before the end that make a warning.
    pub warning: i64,
    /// Seconds before the end that are critical.
    pub critical: i64,
}

impl Default for Thresholds {
    /// 30 days and 7 days.
    fn default() -> Self {
        const DAY: i64 = 86_400;
        Self { warning: 30 * DAY, critical: 7 * DAY }
    }
}

/// How bad it is, from good to worst; of several the worst counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It could not be read.
    Unknown,
    /// Something has to be done, in time.
    Warning,
    /// Something has to be done now.
    Critical,
}

impl Verdict {
    /// The verdict in a word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// One thing that is wrong with a hostname.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The certificate that is presented has expired.
    Expired,
    /// It expires within the critical threshold.
    ExpiresCritically,
    /// It expires within the warning threshold.
    ExpiresSoon,
    /// The hostname is not what it is expected to be.
    Drifted,
    /// Cloudflare has given up deploying or deleting.
    TimedOut,
    /// The API's metadata and the certificate disagree.
    Disagrees,
    /// The latest poll got no answer.
    NotRead,
}

impl Finding {
    /// How bad it is.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Expired | Self::ExpiresCritically | Self::Drifted | Self::TimedOut => Verdict::Critical,
            Self::ExpiresSoon | Self::Disagrees => Verdict::Warning,
            Self::NotRead => Verdict::Unknown,
        }
    }

    /// The finding in a few words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::ExpiresCritically | Self::ExpiresSoon => "expires soon",
            Self::Drifted => "not as expected",
            Self::TimedOut => "timed out",
            Self::Disagrees => "PEM and metadata disagree",
            Self::NotRead => "not read",
        }
    }
}

impl Entry {
    /// All that is wrong with the hostname at `now`, by its last reading.
    pub fn findings(&self, thresholds: Thresholds, now: Date) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(reading) = self.reading() {
            findings.extend(reading.ends().and_then(|end| expiry(end.seconds_from(now), thresholds)));
            if self.is_drifted() == Some(true) {
                findings.push(Finding::Drifted);
            }
            let statuses = [reading.status, reading.certificate_status];
            if statuses.into_iter().flatten().any(Status::is_timed_out) {
                findings.push(Finding::TimedOut);
            }
            let certificate = reading.certificate.as_ref();
            if certificate.and_then(|certificate| certificate.metadata_match()) == Some(false) {
                findings.push(Finding::Disagrees);
            }
        }
        if !self.is_up() {
            findings.push(Finding::NotRead);
        }
        findings
    }

    /// The worst of what is wrong with the hostname at `now`.
    pub fn verdict(&self, thresholds: Thresholds, now: Date) -> Verdict {
        let findings = self.findings(thresholds, now).into_iter();
        findings.map(Finding::verdict).max().unwrap_or(Verdict::Ok)
    }
}

fn expiry(seconds: i64, thresholds: Thresholds) -> Option<Finding> {
    if seconds <= 0 {
        Some(Finding::Expired)
    } else if seconds < thresholds.critical {
        Some(Finding::ExpiresCritically)
    } else if seconds < thresholds.warning {
        Some(Finding::ExpiresSoon)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{
        Association, Certificate, CertificateDetails, Expectation, HostnameTarget, Outcome, Pem, Reading,
        Reason, Snapshot, Targets, ZoneTarget,
    };

    const NOW: i64 = 1_800_000_000;

    fn date(second: i64) -> Date {
        jiff::Timestamp::from_second(second).unwrap().into()
    }

    /// What is found of a hostname that should be enabled, after these results.
    fn found(results: &[Result<Reading, Reason>]) -> Vec<Finding> {
        let hostname = "a.example".parse().unwrap();
        let target = HostnameTarget { hostname, expectation: Expectation::default() };
        let zone = ZoneTarget::named("default".into(), "example".parse().unwrap(), None)
            .with_hostnames(vec![target.clone()]);
        let key = zone.key().clone();
        let mut snapshot = Snapshot::default().retarget(&Targets::new([zone]));
        for result in results {
            let read = Outcome::Read(target.hostname.clone(), result.clone());
            snapshot = snapshot.fold([(key.clone(), read)]);
        }
        snapshot.zones()[0].entries()[0].findings(Thresholds::default(), date(NOW))
    }

    fn expiring(in_seconds: i64, association: Association) -> Reading {
        let details =
            CertificateDetails { expires_on: Some(date(NOW + in_seconds)), ..CertificateDetails::default() };
        Reading {
            certificate: Some(Arc::new(Certificate::new(details, None))),
            ..Reading::bare(association, date(NOW))
        }
    }

    #[test]
    fn expiry_is_judged_in_bands_that_start_below_their_threshold() {
        let of = |seconds| found(&[Ok(expiring(seconds, Association::Enabled))]);
        assert_eq!(of(-1), [Finding::Expired]);
        assert_eq!(of(0), [Finding::Expired]);
        assert_eq!(of(1), [Finding::ExpiresCritically]);
        assert_eq!(of(7 * 86_400 - 1), [Finding::ExpiresCritically]);
        assert_eq!(of(7 * 86_400), [Finding::ExpiresSoon]);
        assert_eq!(of(30 * 86_400 - 1), [Finding::ExpiresSoon]);
        assert_eq!(of(30 * 86_400), []);
    }

    #[test]
    fn a_certificate_that_is_not_presented_may_expire() {
        assert_eq!(found(&[Ok(expiring(-1, Association::Disabled))]), [Finding::Drifted]);
    }

    #[test]
    fn what_timed_out_and_what_disagrees_is_found() {
        let status = Some(Status::DeploymentTimedOut);
        let reading = Reading::bare(Association::Enabled, date(NOW));
        assert_eq!(found(&[Ok(Reading { status, ..reading.clone() })]), [Finding::TimedOut]);
        assert_eq!(
            found(&[Ok(Reading { certificate_status: status, ..reading.clone() })]),
            [Finding::TimedOut]
        );

        let pem = Pem {
            not_before: date(0),
            not_after: date(NOW + 90 * 86_400),
            serial: [1].into(),
            subject: "".into(),
            issuer: "".into(),
        };
        let details = CertificateDetails {
            expires_on: Some(pem.not_after),
            serial_number: Some("2".into()),
            ..CertificateDetails::default()
        };
        let certificate = Some(Arc::new(Certificate::new(details, Some(pem))));
        assert_eq!(found(&[Ok(Reading { certificate, ..reading })]), [Finding::Disagrees]);
    }

    #[test]
    fn what_was_not_read_is_unknown_and_judged_by_the_last_reading_too() {
        assert_eq!(found(&[]), [Finding::NotRead]);
        assert_eq!(found(&[Err(Reason::Timeout)]), [Finding::NotRead]);
        let expired = expiring(-1, Association::Enabled);
        assert_eq!(found(&[Ok(expired), Err(Reason::Timeout)]), [Finding::Expired, Finding::NotRead]);
    }

    #[test]
    fn verdicts_and_findings_are_told_in_words() {
        let verdicts = [Verdict::Ok, Verdict::Unknown, Verdict::Warning, Verdict::Critical];
        assert_eq!(verdicts.map(Verdict::label), ["ok", "unknown", "warning", "critical"]);
        let findings = [
            Finding::Expired,
            Finding::ExpiresCritically,
            Finding::ExpiresSoon,
            Finding::Drifted,
            Finding::TimedOut,
            Finding::Disagrees,
            Finding::NotRead,
        ];
        let labels = [
            "expired",
            "expires soon",
            "expires soon",
            "not as expected",
            "timed out",
            "PEM and metadata disagree",
            "not read",
        ];
        assert_eq!(findings.map(Finding::label), labels);
    }

    #[test]
    fn the_worst_counts_and_unknown_is_better_than_warning() {
        assert!(Verdict::Ok < Verdict::Unknown);
        assert!(Verdict::Unknown < Verdict::Warning);
        assert!(Verdict::Warning < Verdict::Critical);
    }
}
