//! Faults that alter the regular response instead of replacing it, and the calls at which faults can be
//! aimed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Answer;
use super::api::PREFIX;
use super::query::Query;

/// A call of the API at which a fault can be aimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// The list of all zones: `GET /zones` without `name`.
    ZoneList,
    /// The look-up of a zone by name: `GET /zones?name=…`.
    ZoneLookup,
    /// The details of one zone: `GET /zones/{zone_id}`.
    Zone,
    /// A setting of a zone: `GET /zones/{zone_id}/settings/{setting_id}`.
    ZoneSetting,
    /// The DNS records of a zone: `GET /zones/{zone_id}/dns_records`.
    DnsRecords,
    /// Cloudflare's own address ranges: `GET /ips`.
    IpRanges,
}

impl Aim {
    pub(super) fn matches(self, target: &str) -> bool {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path: Vec<&str> = path.strip_prefix(PREFIX).unwrap_or("").split('/').skip(1).collect();
        let named = Query(query).get("name").is_some();
        match *path {
            ["zones"] => self == if named { Self::ZoneLookup } else { Self::ZoneList },
            ["zones", _] => self == Self::Zone,
            ["zones", _, "settings", _] => self == Self::ZoneSetting,
            ["zones", _, "dns_records"] => self == Self::DnsRecords,
            ["ips"] => self == Self::IpRanges,
            _ => false,
        }
    }
}

/// Replaces the result with null.
pub(super) fn without_result(answer: Answer) -> Answer {
    changed(answer, |envelope| envelope["result"] = Value::Null)
}

/// Shortens a list to this many rows. Its totals stay.
pub(super) fn shortened(answer: Answer, rows: usize) -> Answer {
    changed(answer, |envelope| {
        if let Some(list) = envelope["result"].as_array_mut() {
            list.truncate(rows);
            envelope["result_info"]["count"] = list.len().into();
        }
    })
}

/// Changes the page number of a list.
pub(super) fn renumbered(answer: Answer, page: usize) -> Answer {
    changed(answer, |envelope| envelope["result_info"]["page"] = page.into())
}

fn changed(answer: Answer, change: impl FnOnce(&mut Value)) -> Answer {
    let mut envelope: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    change(&mut envelope);
    Answer { body: envelope.to_string().into(), ..answer }
}

/// Returns the page number of a query and the query for the previous page. None for the first page.
pub(super) fn page_before(query: &str) -> Option<(usize, String)> {
    let page = Query(query).number("page", 1, 1, usize::MAX).ok().filter(|page| *page > 1)?;
    let others = query.split('&').filter(|pair| !pair.starts_with("page="));
    Some((page, others.fold(format!("page={}", page - 1), |query, pair| query + "&" + pair)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_matches_only_its_own_call() {
        let aims =
            [Aim::ZoneList, Aim::ZoneLookup, Aim::Zone, Aim::ZoneSetting, Aim::DnsRecords, Aim::IpRanges];
        for (target, aim) in [
            ("/client/v4/zones", Some(Aim::ZoneList)),
            ("/client/v4/zones?page=2&per_page=50", Some(Aim::ZoneList)),
            ("/client/v4/zones?page=1&name=example.com", Some(Aim::ZoneLookup)),
            ("/client/v4/zones/1", Some(Aim::Zone)),
            ("/client/v4/zones/1/settings/ssl", Some(Aim::ZoneSetting)),
            ("/client/v4/zones/1/dns_records?page=1", Some(Aim::DnsRecords)),
            ("/client/v4/ips", Some(Aim::IpRanges)),
            ("/client/v4/zones/1/origin_tls_client_auth/settings", None),
            ("/client/v4/zones/1/origin_tls_client_auth", None),
            ("/client/v4/user/tokens/verify", None),
        ] {
            let found: Vec<_> = aims.into_iter().filter(|aim| aim.matches(target)).collect();
            assert_eq!(found, Vec::from_iter(aim), "{target}");
        }
    }

    #[test]
    fn the_first_page_has_no_previous_page() {
        assert_eq!(page_before("per_page=50&page=3"), Some((3, "page=2&per_page=50".into())));
        assert_eq!(page_before("page=2"), Some((2, "page=1".into())));
        assert_eq!(page_before("page=1&per_page=5"), None);
        assert_eq!(page_before(""), None);
    }
}
