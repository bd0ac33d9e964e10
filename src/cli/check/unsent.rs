//! The message about parts of zones that were not read for lack of quota or time.

use crate::domain::{PartKind, ZoneKey};

/// The maximum number of zones to name; the rest are counted.
const MAX_NAMED: usize = 3;

/// Lists the parts of zones that were not read, if any.
pub(super) fn line(unsent: &[(ZoneKey, PartKind)]) -> Option<String> {
    let kinds = PartKind::ALL.into_iter().filter_map(|kind| {
        let zones: Vec<_> =
            unsent.iter().filter(|(_, of)| *of == kind).map(|(zone, _)| zone.as_str()).collect();
        let what = match kind {
            PartKind::Associations => "associations",
            PartKind::ZoneLevel => "zone level",
            PartKind::Settings => "settings",
            PartKind::DnsRecords => "DNS records",
        };
        let named = zones[..zones.len().min(MAX_NAMED)].join(", ");
        Some(match zones.len() {
            0 => return None,
            1 => format!("the {what} of {named}"),
            count if count <= MAX_NAMED => format!("the {what} of {count} zones ({named})"),
            count => format!("the {what} of {count} zones ({named} and {} more)", count - MAX_NAMED),
        })
    });
    let kinds: Vec<_> = kinds.collect();
    (!kinds.is_empty()).then(|| {
        let kinds = kinds.join(", ");
        format!(
            "not read for lack of quota or time: {kinds}; allow more with --timeout or rate_limit, or check fewer zones \
             with --zone"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ZoneName;

    #[test]
    fn unread_parts_are_listed_by_kind_with_their_first_zones() {
        let key = |number: usize| ZoneKey::from(&format!("z{number}.example").parse::<ZoneName>().unwrap());
        assert_eq!(line(&[]), None);
        let mut unsent = vec![(key(1), PartKind::Associations)];
        unsent.extend((1..=3).map(|number| (key(number), PartKind::ZoneLevel)));
        unsent.extend((1..=5).map(|number| (key(number), PartKind::Settings)));
        assert_eq!(
            line(&unsent).unwrap(),
            "not read for lack of quota or time: the associations of z1.example, the zone level of 3 zones \
             (z1.example, z2.example, z3.example), the settings of 5 zones (z1.example, z2.example, z3.example and 2 \
             more); allow more with --timeout or rate_limit, or check fewer zones with --zone"
        );
    }
}
