//! Verdicts and findings as JSON.

use serde::Serialize;

use crate::domain::Told;

/// The verdict on a thing, and why.
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
}

impl From<Vec<Told>> for Judged {
    fn from(told: Vec<Told>) -> Self {
        let verdict = Told::worst(&told).label();
        let findings = told.into_iter().map(|Told { finding, severity, message }| FindingRow {
            finding: finding.code(),
            severity: severity.label(),
            message,
        });
        Self { verdict, findings: findings.collect() }
    }
}
