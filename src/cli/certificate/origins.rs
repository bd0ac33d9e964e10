//! Offers the new certificate to origins, before anything is uploaded.

use super::pins::Known;
use crate::domain::{Hostname, OriginTarget};
use crate::keypair::KeyPair;
use crate::probe::{Offer, Prober, Target};

/// What the origins of these hostnames do with the certificate.
pub(super) async fn offer(
    pair: &KeyPair,
    known: &Known,
    wanted: impl Fn(&Hostname) -> bool,
) -> Vec<(OriginTarget, Offer)> {
    let origins: Vec<_> = known.origins.iter().filter(|origin| wanted(&origin.hostname)).collect();
    let targets = origins.iter().map(|origin| Target::of(origin));
    let (targets, issuers): (Vec<_>, _) = (targets.collect(), pair.issuers());
    let mut offers = Vec::new();
    let prober = Prober::new(known.probe.clone()).presenting(pair.certified());
    prober
        .probe_all(&targets, |place, probed| {
            offers.push((place, Offer::of(&probed.observation, &issuers)));
        })
        .await;
    offers.sort_by_key(|(place, _)| *place);
    offers.into_iter().map(|(place, offer)| (origins[place].clone(), offer)).collect()
}
