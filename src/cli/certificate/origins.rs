//! Offers the new certificate to origins, before anything is uploaded.

use std::collections::{BTreeSet, HashSet};

use super::pins::Known;
use crate::cli::reach::{Api, explained};
use crate::cloudflare::Purpose;
use crate::domain::{DnsIndex, DnsRecord, Hostname, OriginTarget, ZoneName};
use crate::keypair::KeyPair;
use crate::probe::{Offer, Prober, Target};

/// The hostnames whose origins will be presented the new certificate.
pub(super) struct Presented {
    /// The hostnames, as far as they are known.
    pub(super) to: BTreeSet<Hostname>,
    /// The hostnames with a certificate of their own. A zone-level certificate is presented to the origins of all others.
    pub(super) own: Option<HashSet<Hostname>>,
}

/// The reactions of origins to the new certificate.
#[derive(Default)]
pub(super) struct Offers {
    /// Each origin that was tried, with its reaction.
    pub(super) made: Vec<(OriginTarget, Offer)>,
    /// The origins and hostnames that were not tried, each with the reason.
    pub(super) notes: Vec<String>,
}

impl Presented {
    fn includes(&self, hostname: &Hostname) -> bool {
        self.own.as_ref().map_or_else(|| self.to.contains(hostname), |own| !own.contains(hostname))
    }
}

impl Offers {
    /// Presents the certificate to all known origins.
    pub(super) async fn make(pair: &KeyPair, api: &Api, known: &Known, presented: &Presented) -> Self {
        if known.unread.is_some() {
            return Self::default();
        }
        let mut offers = Self::default();
        let mut origins: Vec<_> =
            known.origins.iter().filter(|origin| presented.includes(&origin.hostname)).cloned().collect();
        let mut left: BTreeSet<_> = presented.to.iter().chain(&known.hostnames).cloned().collect();
        left.retain(|hostname| {
            presented.includes(hostname) && origins.iter().all(|origin| origin.hostname != *hostname)
        });
        let prober = Prober::new(known.probe.clone()).presenting(pair.certified());
        if !known.has_dns_origins {
            offers.notes.extend(untried(&left, origins.is_empty()));
        } else if !left.is_empty() {
            match api.client.dns_records(api.zone, api.deadline(1)).await {
                Ok(listed) => origins.extend(offers.found(&left, api.target.name(), &listed.records)),
                Err(error) => {
                    let why = explained("DNS records", &error, Purpose::DnsRecords);
                    offers.notes.push(format!("the origins from DNS records are not tried: {why}"));
                }
            }
            // if Cloudflare's address ranges cannot be read, the built-in ones apply
            if let Ok(ranges) = api.client.ip_ranges(api.deadline(1)).await {
                prober.set_cloudflare(ranges.into());
            }
        }
        let targets: Vec<_> = origins.iter().map(Target::of).collect();
        let issuers = pair.issuers();
        let mut made = Vec::new();
        prober
            .probe_all(&targets, |index, probed| {
                made.push((index, Offer::of(&probed.observation, &issuers)));
            })
            .await;
        made.sort_by_key(|(index, _)| *index);
        offers.made = made.into_iter().map(|(index, offer)| (origins[index].clone(), offer)).collect();
        offers
    }

    /// Returns the origins of these hostnames from the DNS records, and notes the hostnames without one.
    fn found(
        &mut self,
        hostnames: &BTreeSet<Hostname>,
        zone: Option<&ZoneName>,
        records: &[DnsRecord],
    ) -> Vec<OriginTarget> {
        let (mut index, mut origins) = (DnsIndex::default(), Vec::new());
        index.add(zone, records);
        for hostname in hostnames {
            let found = index.origins(hostname);
            if found.origins.is_empty() {
                let without = found.without.iter();
                self.notes.extend(without.map(|why| format!("{hostname} has no origin to try: {why}")));
            }
            origins.extend(found.origins);
        }
        origins
    }

    /// Returns the number of origins that refuse the certificate.
    pub(super) fn refusals(&self) -> usize {
        self.made.iter().filter(|(_, offer)| offer.is_refusal()).count()
    }
}

/// Returns a note about the hostnames for which the configuration names no origin.
fn untried(hostnames: &BTreeSet<Hostname>, is_none_named: bool) -> Option<String> {
    const SHOWN: usize = 5;
    if is_none_named {
        return Some(
            "the configuration names no origin, so the new certificate is not tried first.".to_owned(),
        );
    }
    let names: Vec<_> = hostnames.iter().take(SHOWN).map(Hostname::as_str).collect();
    let more = hostnames.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let names = names.join(", ");
    (!names.is_empty()).then(|| {
        format!("the configuration names no origin of {names}{more}: the new certificate is not tried there.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RecordData;

    #[test]
    fn origins_come_from_dns_records_and_hostnames_without_one_are_named() {
        let name = |text: &str| text.parse::<Hostname>().unwrap();
        let record = |name: &str, data| DnsRecord { name: name.parse().unwrap(), data };
        let records = [
            record("app.example.com", RecordData::Address([203, 0, 113, 7].into())),
            record("app.example.com", RecordData::Address([192, 0, 2, 1].into())),
            record("tunnel.example.com", RecordData::Name("x.cfargotunnel.com".parse().unwrap())),
        ];
        let hostnames = ["app", "tunnel", "none"].map(|label| name(&format!("{label}.example.com"))).into();
        let mut offers = Offers::default();
        let zone = "example.com".parse().unwrap();
        let origins = offers.found(&hostnames, Some(&zone), &records);
        assert_eq!(origins.len(), 1);
        assert_eq!((&*origins[0].label, origins[0].from_dns), ("203.0.113.7", true));
        assert_eq!(
            offers.notes,
            [
                "none.example.com has no origin to try: without a proxied record, as with a load balancer, a Worker's \
                 domain or a custom hostname",
                "tunnel.example.com has no origin to try: behind a Cloudflare Tunnel"
            ]
        );
    }

    #[test]
    fn hostnames_without_an_origin_are_named_but_not_a_hundred_of_them() {
        let hostnames: BTreeSet<Hostname> =
            (0..7).map(|n| format!("h{n}.example.com").parse().unwrap()).collect();
        assert_eq!(
            untried(&hostnames, false).unwrap(),
            "the configuration names no origin of h0.example.com, h1.example.com, h2.example.com, h3.example.com, \
             h4.example.com and 2 more: the new certificate is not tried there."
        );
        assert_eq!(untried(&BTreeSet::new(), false), None);
    }
}
