//! Findings: the problems that watched subjects can have, and their severities.

use super::Ignored;

/// A severity, from good to worst. Of several findings, the worst counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing was found.
    #[default]
    Ok,
    /// Worth knowing. No action is needed yet.
    Info,
    /// Unknown, because it could not be read.
    Unknown,
    /// Action is needed before long.
    Warning,
    /// Visitors are or soon will be affected, or monitoring has stopped.
    Critical,
}

impl Verdict {
    /// Every verdict, the worst first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::Warning, Self::Unknown, Self::Info, Self::Ok];

    /// Returns the verdict in a word, which is also the value of the label `severity`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A problem. Only the severity of [`Finding::Stale`] depends on the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Finding {
    /// The certificate has expired.
    Expired,
    /// The end of the certificate is nearer than the critical threshold.
    ExpiresVerySoon,
    /// The end of the certificate is nearer than the warning threshold.
    ExpiresSoon,
    /// The certificate's notBefore is in the future.
    NotYetValid,
    /// Neither the API nor the certificate gives an expiry date.
    EndUnknown,
    /// The certificate is in use although it is deleted or being deleted.
    CertificateDeleted,
    /// The API and the certificate disagree on its end or serial number.
    MetadataMismatch,
    /// The hostname differs from its expectation.
    Drifted,
    /// The deployment timed out at Cloudflare.
    DeploymentTimedOut,
    /// The deletion timed out at Cloudflare.
    DeletionTimedOut,
    /// Cloudflare has been deploying or deleting for longer than the threshold.
    Pending,
    /// The certificate has nearly reached its limit of associations.
    NearHostnameLimit,
    /// The latest attempt to read the subject failed, or no attempt was made.
    NotRead,
    /// The subject was last read too long ago.
    Stale,
    /// Cloudflare does not accept the token.
    TokenInvalid,
    /// The end of the token is nearer than the warning threshold.
    TokenExpiresSoon,
    /// Cloudflare answered 429 a short time ago.
    RateLimited,
    /// A discovered hostname vanished a short time ago.
    HostnamesRemoved,
    /// A zone that matched a pattern vanished a short time ago.
    ZonesRemoved,
    /// The zone's SSL mode keeps Cloudflare from presenting a certificate.
    SslMode,
    /// Cloudflare presents a certificate, and an origin serves requests without one.
    OriginUnprotected,
    /// Cloudflare presents no certificate, and an origin refuses requests without one.
    OriginDemandsCertificate,
    /// An origin names the authorities that it accepts, and none of them issued the certificate that Cloudflare
    /// presents.
    OriginMayReject,
}

/// The kind of a finding's subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A hostname.
    Hostname,
    /// A certificate.
    Certificate,
    /// A zone.
    Zone,
    /// A configured account.
    Account,
}

impl Finding {
    /// Every finding.
    pub const ALL: [Self; 23] = [
        Self::Expired,
        Self::ExpiresVerySoon,
        Self::ExpiresSoon,
        Self::NotYetValid,
        Self::EndUnknown,
        Self::CertificateDeleted,
        Self::MetadataMismatch,
        Self::Drifted,
        Self::DeploymentTimedOut,
        Self::DeletionTimedOut,
        Self::Pending,
        Self::NearHostnameLimit,
        Self::NotRead,
        Self::Stale,
        Self::TokenInvalid,
        Self::TokenExpiresSoon,
        Self::RateLimited,
        Self::HostnamesRemoved,
        Self::ZonesRemoved,
        Self::SslMode,
        Self::OriginUnprotected,
        Self::OriginDemandsCertificate,
        Self::OriginMayReject,
    ];

    /// Returns the code, which is the value of the label `finding`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::ExpiresVerySoon => "expires_very_soon",
            Self::ExpiresSoon => "expires_soon",
            Self::NotYetValid => "not_yet_valid",
            Self::EndUnknown => "end_unknown",
            Self::CertificateDeleted => "certificate_deleted",
            Self::MetadataMismatch => "metadata_mismatch",
            Self::Drifted => "drifted",
            Self::DeploymentTimedOut => "deployment_timed_out",
            Self::DeletionTimedOut => "deletion_timed_out",
            Self::Pending => "pending",
            Self::NearHostnameLimit => "near_hostname_limit",
            Self::NotRead => "not_read",
            Self::Stale => "stale",
            Self::TokenInvalid => "token_invalid",
            Self::TokenExpiresSoon => "token_expires_soon",
            Self::RateLimited => "rate_limited",
            Self::HostnamesRemoved => "hostnames_removed",
            Self::ZonesRemoved => "zones_removed",
            Self::SslMode => "ssl_mode",
            Self::OriginUnprotected => "origin_unprotected",
            Self::OriginDemandsCertificate => "origin_demands_certificate",
            Self::OriginMayReject => "origin_may_reject",
        }
    }

    /// Returns the alert about the finding, whose section of the runbooks says what to do. A subject that is not read
    /// causes no alert until it is stale.
    pub const fn alert(self) -> &'static str {
        match self {
            Self::Expired => "CloudflareAopCertificateExpired",
            Self::ExpiresVerySoon => "CloudflareAopCertificateExpiresVerySoon",
            Self::ExpiresSoon => "CloudflareAopCertificateExpiresSoon",
            Self::NotYetValid => "CloudflareAopCertificateNotYetValid",
            Self::EndUnknown => "CloudflareAopCertificateEndUnknown",
            Self::CertificateDeleted => "CloudflareAopCertificateDeleted",
            Self::MetadataMismatch => "CloudflareAopCertificateMetadataMismatch",
            Self::Drifted => "CloudflareAopHostnameDrifted",
            Self::DeploymentTimedOut => "CloudflareAopDeploymentTimedOut",
            Self::DeletionTimedOut => "CloudflareAopDeletionTimedOut",
            Self::Pending => "CloudflareAopChangePending",
            Self::NearHostnameLimit => "CloudflareAopCertificateNearHostnameLimit",
            Self::NotRead | Self::Stale => "CloudflareAopReadingsStale",
            Self::TokenInvalid => "CloudflareAopTokenInvalid",
            Self::TokenExpiresSoon => "CloudflareAopTokenExpiresSoon",
            Self::RateLimited => "CloudflareAopRateLimited",
            Self::HostnamesRemoved | Self::ZonesRemoved => "CloudflareAopWatchedLess",
            Self::SslMode => "CloudflareAopSslModeDisablesPulls",
            Self::OriginUnprotected => "CloudflareAopOriginUnprotected",
            Self::OriginDemandsCertificate => "CloudflareAopOriginDemandsCertificate",
            Self::OriginMayReject => "CloudflareAopOriginMayReject",
        }
    }

    /// Returns true if a subject of this kind can have the finding.
    pub const fn is_about(self, subject: Subject) -> bool {
        match self {
            Self::Expired
            | Self::ExpiresVerySoon
            | Self::ExpiresSoon
            | Self::NotYetValid
            | Self::EndUnknown
            | Self::CertificateDeleted
            | Self::MetadataMismatch
            | Self::DeploymentTimedOut
            | Self::DeletionTimedOut
            | Self::Pending => matches!(subject, Subject::Hostname | Subject::Certificate),
            Self::Drifted
            | Self::OriginUnprotected
            | Self::OriginDemandsCertificate
            | Self::OriginMayReject => matches!(subject, Subject::Hostname),
            Self::NearHostnameLimit => matches!(subject, Subject::Certificate),
            Self::NotRead | Self::Stale => !matches!(subject, Subject::Certificate),
            Self::TokenInvalid | Self::TokenExpiresSoon | Self::RateLimited | Self::ZonesRemoved => {
                matches!(subject, Subject::Account)
            }
            Self::HostnamesRemoved | Self::SslMode => matches!(subject, Subject::Zone),
        }
    }

    /// Returns the severity. A stale account is critical because it is no longer monitored.
    pub const fn severity(self, subject: Subject) -> Verdict {
        match self {
            Self::Expired
            | Self::ExpiresVerySoon
            | Self::NotYetValid
            | Self::CertificateDeleted
            | Self::Drifted
            | Self::DeploymentTimedOut
            | Self::TokenInvalid
            | Self::OriginDemandsCertificate => Verdict::Critical,
            Self::Stale if matches!(subject, Subject::Account) => Verdict::Critical,
            Self::ExpiresSoon
            | Self::EndUnknown
            | Self::MetadataMismatch
            | Self::DeletionTimedOut
            | Self::Pending
            | Self::Stale
            | Self::TokenExpiresSoon
            | Self::RateLimited
            | Self::HostnamesRemoved
            | Self::ZonesRemoved
            | Self::SslMode
            | Self::OriginUnprotected
            | Self::OriginMayReject => Verdict::Warning,
            Self::NotRead => Verdict::Unknown,
            Self::NearHostnameLimit => Verdict::Info,
        }
    }
}

/// All findings about one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Findings {
    subject: Subject,
    /// One bit for each finding.
    bits: u32,
    ignored: Ignored,
}

impl Findings {
    /// Returns an empty set of findings about a subject of this kind.
    pub const fn none(subject: Subject) -> Self {
        Self { subject, bits: 0, ignored: Ignored::NOTHING }
    }

    /// Returns the same findings, without counting those in `ignored`.
    #[must_use]
    pub(super) const fn ignoring(self, ignored: Ignored) -> Self {
        Self { ignored, ..self }
    }

    /// Adds a finding if it holds.
    pub(super) fn add(&mut self, finding: Finding, holds: bool) {
        self.bits |= u32::from(holds) << finding as u8;
    }

    /// Returns true if there are no findings except ignored ones.
    pub const fn is_empty(self) -> bool {
        self.bits & !self.ignored.bits() == 0
    }

    /// Returns true if `finding` is among the findings and is not ignored.
    pub const fn contains(self, finding: Finding) -> bool {
        (self.bits & !self.ignored.bits()) >> finding as u8 & 1 == 1
    }

    /// Returns the findings that are not ignored, with their severities, the worst first.
    pub fn iter(self) -> impl Iterator<Item = (Finding, Verdict)> {
        let mut found: Vec<_> = self.unsorted().collect();
        found.sort_by_key(|(_, severity)| std::cmp::Reverse(*severity));
        found.into_iter()
    }

    /// Returns the ignored findings with their severities, the worst first.
    pub fn ignored(self) -> impl Iterator<Item = (Finding, Verdict)> {
        Self { bits: self.bits & self.ignored.bits(), ..self }.ignoring(Ignored::NOTHING).iter()
    }

    /// Returns the worst severity of the findings that are not ignored, or ok.
    pub fn verdict(self) -> Verdict {
        self.unsorted().map(|(_, severity)| severity).max().unwrap_or_default()
    }

    fn unsorted(self) -> impl Iterator<Item = (Finding, Verdict)> {
        let held = Finding::ALL.into_iter().filter(move |finding| self.contains(*finding));
        held.map(move |finding| (finding, finding.severity(self.subject)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_have_their_documented_codes_and_severities() {
        let critical = "expired expires_very_soon not_yet_valid certificate_deleted drifted \
            deployment_timed_out token_invalid origin_demands_certificate";
        let warning = "expires_soon end_unknown metadata_mismatch deletion_timed_out pending stale \
            token_expires_soon rate_limited hostnames_removed zones_removed ssl_mode origin_unprotected \
            origin_may_reject";
        let of = |verdict, subject| {
            let all = Finding::ALL.into_iter().filter(|finding| finding.severity(subject) == verdict);
            all.map(Finding::code).collect::<Vec<_>>().join(" ")
        };
        for subject in [Subject::Hostname, Subject::Certificate, Subject::Zone] {
            assert_eq!(of(Verdict::Critical, subject), critical);
            assert_eq!(of(Verdict::Warning, subject), warning);
            assert_eq!(of(Verdict::Unknown, subject), "not_read");
            assert_eq!(of(Verdict::Info, subject), "near_hostname_limit");
        }
        assert_eq!(Finding::Stale.severity(Subject::Account), Verdict::Critical);
    }

    #[test]
    fn findings_have_their_documented_subjects() {
        let page = include_str!("../../docs/findings.md");
        let subjects = [
            (Subject::Hostname, "hostname"),
            (Subject::Certificate, "certificate"),
            (Subject::Zone, "zone"),
            (Subject::Account, "account"),
        ];
        for finding in Finding::ALL {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", finding.code())));
            let about = row.unwrap_or_else(|| panic!("{finding:?}")).split('|').nth(3).unwrap_or_default();
            let said = subjects.iter().filter(|(subject, _)| finding.is_about(*subject));
            let said: Vec<_> = said.map(|(_, name)| *name).collect();
            assert_eq!(said.join(", "), about.trim(), "{finding:?}");
        }
    }

    #[test]
    fn every_finding_has_an_alert_with_a_runbook() {
        let rules = include_str!("../../deploy/prometheus/rules.yml");
        let runbooks = include_str!("../../docs/alerts.md");
        for finding in Finding::ALL {
            assert!(runbooks.contains(&format!("\n## {}\n", finding.alert())), "{finding:?}");
            let mut alerts = rules.split("- alert: ").skip(1);
            let rule = alerts.find(|rule| rule.lines().next() == Some(finding.alert())).unwrap();
            let follows = rule.contains(&format!("finding=\"{}\"", finding.code()));
            assert_eq!(follows, finding != Finding::NotRead, "{finding:?}");
        }
    }

    #[test]
    fn the_worst_finding_comes_first_and_is_the_verdict() {
        let mut findings = Findings::none(Subject::Hostname);
        assert!(findings.is_empty());
        assert_eq!(findings.verdict(), Verdict::Ok);
        for (finding, verdict) in [
            (Finding::NearHostnameLimit, Verdict::Info),
            (Finding::NotRead, Verdict::Unknown),
            (Finding::Stale, Verdict::Warning),
            (Finding::HostnamesRemoved, Verdict::Warning),
            (Finding::Drifted, Verdict::Critical),
        ] {
            findings.add(Finding::Expired, false);
            findings.add(finding, true);
            assert_eq!(findings.verdict(), verdict);
        }
        let codes: Vec<_> = findings.iter().map(|(finding, _)| finding.code()).collect();
        assert_eq!(codes, ["drifted", "stale", "hostnames_removed", "not_read", "near_hostname_limit"]);
    }

    #[test]
    fn each_finding_has_its_own_bit() {
        for (index, finding) in Finding::ALL.into_iter().enumerate() {
            assert_eq!(finding as usize, index);
        }
        assert_eq!(Verdict::ALL.map(Verdict::label), ["critical", "warning", "unknown", "info", "ok"]);
    }
}
