//! The warning about a bad certificate, shown with the plan that enables it.

use super::judged::Judged;
use crate::change::{Desired, Plan};
use crate::cli::columns::messages;
use crate::cli::reach::Api;
use crate::clock::Clock;
use crate::cloudflare::ListedCertificate;
use crate::domain::{Association, Finding, Hostname, Reading};

/// Returns a line that says what is wrong with the certificate that `plan` enables; empty if nothing is.
pub(super) async fn warning(api: &Api, desired: &Desired, plan: &Plan) -> String {
    let (Desired::Enabled(cert_id), Some((_, change))) = (desired, plan.steps.first()) else {
        return String::new();
    };
    let listed = api.client.hostname_certificates(api.zone, api.deadline(1)).await;
    let wrong = match &listed {
        Ok(listed) => match listed.rows.iter().find(|row| row.id == *cert_id) {
            Some(row) => wrong(api, &change.hostname, row),
            None if listed.complete => "it is not one of this zone's hostname certificates".to_owned(),
            None => "it could not be checked: the list of certificates is not complete".to_owned(),
        },
        Err(error) => format!("it could not be checked: {error}"),
    };
    if wrong.is_empty() { wrong } else { format!("Warning: certificate {cert_id}: {wrong}\n") }
}

/// Returns the findings, in words, of a hostname that presents this certificate, except drift and those that are
/// ignored.
fn wrong(api: &Api, hostname: &Hostname, row: &ListedCertificate) -> String {
    let presented = Reading {
        certificate: Some(row.certificate.clone()),
        certificate_status: row.status,
        certificate_uploaded_on: row.uploaded_on,
        ..Reading::bare(Association::Enabled, Clock::system().now().into())
    };
    let judged = Judged::new(api, vec![(hostname.clone(), presented)]);
    let mut told = judged.tell(hostname).unwrap_or_default();
    told.retain(|told| told.finding != Finding::Drifted && !told.ignored);
    messages(&told)
}
