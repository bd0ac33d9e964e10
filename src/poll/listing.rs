//! Readings from two lists: a zone's associations and its certificates, joined by certificate id.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::cloudflare::{AssociationRow, Associations, ListedCertificate};
use crate::domain::{Association, CertId, Date, Hostname, Level, Reading, ZoneCertificate};

/// The result of joining the lists.
pub struct Listing {
    /// The hostnames that have an association, each with its reading, or with the reason why it needs a GET.
    pub hostnames: BTreeMap<Hostname, Result<Reading, Unresolved>>,
    /// True if no other hostname has an association.
    pub complete: bool,
    /// The number of pages of the list of associations.
    pub pages: u32,
    /// The number of pages of both lists.
    pub requests: usize,
    /// The certificates, with the number of their associations.
    pub certificates: Vec<ZoneCertificate>,
}

/// The reason why a hostname needs a GET despite the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// The row or its certificate lacks a required field.
    Untrusted,
    /// Its certificate is not listed, such as a deleted one, or its rows may date from different moments.
    Unsure,
}

/// Joins the lists. Hostnames about which a GET would say more are left to a GET.
pub fn join(associations: Associations, listed: &[ListedCertificate], read_at: Date) -> Listing {
    let (complete, pages) = (associations.complete, associations.pages);
    let by_hostname = associations.by_hostname();
    let mut used: HashMap<CertId, u32> = HashMap::new();
    for rows in by_hostname.values() {
        let ids: HashSet<&CertId> = rows.iter().filter_map(|row| row.cert_id.as_ref()).collect();
        for id in ids {
            *used.entry(id.clone()).or_default() += 1;
        }
    }
    let certificates: HashMap<&CertId, &ListedCertificate> =
        listed.iter().map(|row| (&row.id, row)).collect();
    let hostnames = by_hostname.into_iter().map(|(hostname, rows)| {
        // a row that changed between two pages may be on both, in its old and new state
        let unsure = pages > 1 && rows.len() > 1;
        let row = rows.iter().filter(|_| !unsure).min_by(|a, b| a.rank().cmp(&b.rank()));
        (hostname, row.ok_or(Unresolved::Unsure).and_then(|row| reading(row, &certificates, read_at)))
    });
    let hostnames = hostnames.collect();
    let certificates = listed.iter().map(|row| ZoneCertificate {
        hostnames: Some(used.get(&row.id).copied().unwrap_or(0)),
        ..row.at(Level::Hostname)
    });
    Listing { hostnames, complete, pages, requests: pages as usize, certificates: certificates.collect() }
}

/// Returns the reading that a GET would give, except for the fields that lists lack.
fn reading(
    row: &AssociationRow,
    certificates: &HashMap<&CertId, &ListedCertificate>,
    read_at: Date,
) -> Result<Reading, Unresolved> {
    let association = row.association.ok_or(Unresolved::Untrusted)?;
    let bare = Reading {
        status: row.status,
        created_at: row.created_at,
        updated_at: row.updated_at,
        ..Reading::bare(association, read_at)
    };
    match &row.cert_id {
        Some(id) => {
            let listed = certificates.get(id).ok_or(Unresolved::Unsure)?;
            listed.certificate.expires().ok_or(Unresolved::Untrusted)?;
            Ok(Reading {
                certificate_status: listed.status,
                certificate: Some(Arc::clone(&listed.certificate)),
                certificate_uploaded_on: listed.uploaded_on,
                ..bare
            })
        }
        // a void association may have lost its certificate
        None if association == Association::Void => Ok(bare),
        None => Err(Unresolved::Untrusted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Certificate, CertificateDetails, Status};

    fn at(second: i64) -> Date {
        jiff::Timestamp::from_second(second).unwrap().into()
    }

    fn row(id: &str, status: Option<Status>, updated_at: i64) -> AssociationRow {
        AssociationRow {
            hostname: "a.example".parse().unwrap(),
            cert_id: Some(id.parse().unwrap()),
            association: Some(Association::Enabled),
            status,
            created_at: None,
            updated_at: Some(at(updated_at)),
        }
    }

    fn listed(id: &str) -> ListedCertificate {
        let id: CertId = id.parse().unwrap();
        let (details_id, expires_on) = (Some(id.clone()), Some(at(9)));
        let details = CertificateDetails { id: details_id, expires_on, ..CertificateDetails::default() };
        let certificate = Arc::new(Certificate::new(details, None));
        ListedCertificate { id, status: Some(Status::Active), uploaded_on: None, certificate }
    }

    fn joined(rows: Vec<AssociationRow>) -> Listing {
        joined_of(1, rows)
    }

    fn joined_of(pages: u32, rows: Vec<AssociationRow>) -> Listing {
        let associations = Associations { rows: rows.into_iter().collect(), complete: true, pages };
        join(associations, &[listed("one"), listed("two")], at(0))
    }

    /// Returns the certificate of the row that is chosen among these.
    fn chosen(rows: Vec<AssociationRow>) -> String {
        let reading = joined(rows).hostnames.into_values().next().unwrap().unwrap();
        reading.certificate.unwrap().id().unwrap().to_string()
    }

    #[test]
    fn among_several_rows_the_furthest_deployed_wins_then_the_newest() {
        let order = [
            Some(Status::Active),
            Some(Status::PendingDeployment),
            Some(Status::Initializing),
            Some(Status::DeploymentTimedOut),
            Some(Status::PendingDeletion),
            Some(Status::DeletionTimedOut),
        ];
        for pair in order.windows(2) {
            assert_eq!(chosen(vec![row("one", pair[0], 1), row("two", pair[1], 2)]), "one", "{pair:?}");
        }
        let same = order[0];
        assert_eq!(chosen(vec![row("one", same, 1), row("two", same, 2)]), "two");
        assert_eq!(chosen(vec![row("one", same, 2), row("two", same, 1)]), "one");
        assert_eq!(chosen(vec![row("one", same, 1), row("two", same, 1)]), "one");
    }

    #[test]
    fn a_deleted_row_is_no_association_and_does_not_use_its_certificate() {
        let listing = joined(vec![row("one", Some(Status::Deleted), 1)]);
        assert!(listing.hostnames.is_empty());
        assert_eq!(listing.certificates[0].hostnames, Some(0));
    }

    #[test]
    fn every_row_uses_its_certificate() {
        let mut other = row("one", Some(Status::Active), 1);
        other.hostname = "b.example".parse().unwrap();
        let listing = joined(vec![row("one", Some(Status::Active), 1), other]);
        let used = listing.certificates.iter().map(|row| (row.id.as_str(), row.hostnames));
        assert_eq!(used.collect::<Vec<_>>(), [("one", Some(2)), ("two", Some(0))]);
    }

    #[test]
    fn rows_that_may_have_changed_between_pages_need_a_get_and_use_their_certificate_once() {
        let rows = || vec![row("one", Some(Status::Active), 1), row("one", Some(Status::PendingDeletion), 2)];
        for (pages, gap) in [(1, None), (2, Some(Unresolved::Unsure))] {
            let listing = joined_of(pages, rows());
            assert_eq!(listing.certificates[0].hostnames, Some(1));
            assert_eq!(listing.hostnames.into_values().next().unwrap().err(), gap);
        }
    }

    #[test]
    fn a_row_with_missing_fields_needs_a_get() {
        let gap = |row: AssociationRow| joined(vec![row]).hostnames.into_values().next().unwrap().err();
        let whole = row("one", None, 1);
        assert_eq!(gap(whole.clone()), None);
        assert_eq!(gap(AssociationRow { association: None, ..whole.clone() }), Some(Unresolved::Untrusted));
        assert_eq!(gap(AssociationRow { cert_id: None, ..whole.clone() }), Some(Unresolved::Untrusted));
        assert_eq!(gap(row("three", None, 1)), Some(Unresolved::Unsure));
        let without_dates = ListedCertificate {
            certificate: Arc::new(Certificate::new(CertificateDetails::default(), None)),
            ..listed("one")
        };
        let associations = Associations { rows: [whole.clone()].into(), complete: true, pages: 1 };
        let listing = join(associations, &[without_dates], at(0));
        assert_eq!(listing.hostnames.into_values().next().unwrap().err(), Some(Unresolved::Untrusted));
        let void = AssociationRow { association: Some(Association::Void), cert_id: None, ..whole };
        assert_eq!(gap(void), None);
    }
}
