//! Offers the new certificate to origins, before anything is uploaded.

use super::pins::Known;
use crate::domain::{Hostname, OriginTarget};
use crate::keypair::KeyPair;
use crate::probe::{Offer, Prober, Target};

/// Presents the certificate to the origins of the wanted hostnames, and returns the result of each.
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
        .probe_all(&targets, |index, probed| {
            offers.push((index, Offer::of(&probed.observation, &issuers)));
        })
        .await;
    offers.sort_by_key(|(index, _)| *index);
    offers.into_iter().map(|(index, offer)| (origins[index].clone(), offer)).collect()
}
