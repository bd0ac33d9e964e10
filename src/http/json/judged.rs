//! Verdicts and findings as JSON.

use serde::Serialize;

use crate::domain::Told;

/// A verdict, and the findings behind it.
#[derive(Serialize)]
pub struct Judged {
    verdict: &'static str,
    findings: Vec<FindingRow>,
}

#[derive(Serialize)]
struct FindingRow {
    finding: &'static str,
    severity: &'static str,
    message: String,
    /// True if the configuration ignores it, so that it does not count for the verdict.
    ignored: bool,
}

impl From<Vec<Told>> for Judged {
    fn from(told: Vec<Told>) -> Self {
        let verdict = Told::worst(&told).label();
        let findings = told.into_iter().map(|Told { finding, severity, ignored, message }| FindingRow {
            finding: finding.code(),
            severity: severity.label(),
            message,
            ignored,
        });
        Self { verdict, findings: findings.collect() }
    }
}
