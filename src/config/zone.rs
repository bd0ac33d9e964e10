//! The tables `[[account.zone]]`, and the hostnames in them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use toml::Spanned;
use toml::de::DeValue;

use super::ignored::ignored;
use super::pattern::Patterns;
use super::probe;
use super::section::Section;
use crate::domain::{
    CertId, Expectation, Expected, Extent, Hostname, HostnameTarget, OriginTarget, Strategy, Subject,
    Targets, ZoneId, ZoneName, ZoneTarget,
};

/// Reads the zones of all accounts, and rejects duplicates.
#[derive(Default)]
pub(super) struct Zones {
    zones: Vec<ZoneTarget>,
    patterns: Patterns,
    /// The zones of each name, at most one in each account.
    names: HashMap<ZoneName, Vec<Origin>>,
    /// The zone of each id.
    ids: HashMap<ZoneId, Origin>,
}

/// The position of a name or id in the file, and its account.
#[derive(Clone)]
struct Origin {
    offset: usize,
    account: Arc<str>,
}

impl Zones {
    /// Returns the zones and patterns of all accounts.
    pub(super) fn finish(self) -> Targets {
        Targets::new(self.zones).with_patterns(self.patterns.finish())
    }

    /// Reads a zone of `account`, or a pattern of its zones.
    pub(super) fn read(&mut self, mut section: Section<'_>, account: &Arc<str>) {
        if Patterns::is_pattern(&section) {
            let extent = extent(&mut section, true);
            self.patterns.read(&mut section, account, extent);
            return section.finish();
        }
        let name = section.parse("name").filter(|name: &ZoneName| {
            let is_id = name.as_str().parse::<ZoneId>().is_ok();
            if is_id {
                section
                    .reject("name", &format!("expected a name such as example.com; write id = \"{name}\""));
            }
            !is_id
        });
        let id: Option<ZoneId> = section.parse("id");
        if !section.has("name") && !section.has("id") {
            section.reject_table("expected a name or an id");
        }
        let name_is_taken = name.as_ref().is_some_and(|name| self.names.contains_key(name));
        let is_duplicate = name.as_ref().is_some_and(|name| self.reject_name(&section, name, account));
        if let Some(id) = id.filter(|_| !is_duplicate) {
            self.reject_id(&section, id, account);
        }
        let extent = extent(&mut section, false);
        let (hostnames, origins) = hostnames(&mut section, name.as_ref(), extent);
        Patterns::reject_exclude(&mut section);
        section.finish();
        let account = Arc::clone(account);
        let zone = match (name, id) {
            (Some(name), Some(id)) if name_is_taken => ZoneTarget::named_by_id(account, name, id),
            (Some(name), id) => ZoneTarget::named(account, name, id),
            (None, Some(id)) => ZoneTarget::identified(account, id),
            (None, None) => return,
        };
        self.zones.push(zone.with_hostnames(hostnames).with_origins(origins).with_extent(extent));
    }

    /// Rejects a second zone of the same name; returns true if it did.
    ///
    /// Two accounts may each have a zone of that name if the later one gives its id to distinguish them.
    fn reject_name(&mut self, section: &Section<'_>, name: &ZoneName, account: &Arc<str>) -> bool {
        let earlier = self.names.entry(name.clone()).or_default();
        let in_account = earlier.iter().find(|origin| origin.account == *account);
        // an invalid id has been rejected already
        let duplicated = in_account.or_else(|| earlier.first().filter(|_| !section.has("id"))).cloned();
        match &duplicated {
            Some(first) => reject_duplicate(section, "name", first, account),
            None => earlier.push(Origin { offset: section.offset("name"), account: Arc::clone(account) }),
        }
        duplicated.is_some()
    }

    /// Rejects a second zone of the same id.
    fn reject_id(&mut self, section: &Section<'_>, id: ZoneId, account: &Arc<str>) {
        match self.ids.entry(id) {
            Entry::Occupied(first) => reject_duplicate(section, "id", first.get(), account),
            Entry::Vacant(entry) => {
                entry.insert(Origin { offset: section.offset("id"), account: Arc::clone(account) });
            }
        }
    }
}

/// Rejects a zone that duplicates the one at `first`.
fn reject_duplicate(section: &Section<'_>, key: &str, first: &Origin, account: &Arc<str>) {
    let line = section.line(first.offset);
    let mut message = format!("expected each zone once; this one is already at line {line}");
    if first.account != *account {
        message += &format!(" in account {}", first.account);
        if key == "name" {
            message += "; another zone of the same name needs its id";
        }
    }
    section.reject(key, &message);
}

/// Reads how to poll the zone, and what to watch in addition to the configured hostnames. `discover` is the default of
/// that key.
fn extent(section: &mut Section<'_>, discover: bool) -> Extent {
    const DISCOVER: &str = "discover";
    const DISCOVERED: &str = "discovered_expect";
    // an invalid flag was probably meant to be true, so settings that need it are not rejected as well
    let discover = section.flag(DISCOVER).unwrap_or(discover || section.has(DISCOVER));
    let discovered = expected(section, DISCOVERED);
    if section.has(DISCOVERED) && !discover {
        section.reject(DISCOVERED, "expected discover = true, without which this key has no effect");
    }
    let zone_level = section.flag("zone_level").unwrap_or(section.has("zone_level"));
    let strategy = section.take("strategy", "\"auto\", \"get\" or \"list\"", |text| match text {
        "auto" => Some(Strategy::Auto),
        "get" => Some(Strategy::Get),
        "list" => Some(Strategy::List),
        _ => None,
    });
    let dns_origins =
        section.take("origins", "\"dns\"; the origins of one hostname belong in its table", |text| {
            (text == "dns").then_some(())
        });
    if discover && strategy == Some(Strategy::Get) {
        let message = "expected \"auto\" or \"list\" with discover = true, since only a list shows hostnames that are not configured";
        section.reject("strategy", message);
    }
    let discovered = discover.then(|| discovered.unwrap_or(Expected::Any));
    let ignored = ignored(section, Subject::Zone);
    Extent {
        strategy: strategy.unwrap_or_default(),
        discovered,
        zone_level,
        dns_origins: dns_origins.is_some(),
        ignored,
    }
}

fn expected(section: &mut Section<'_>, key: &'static str) -> Option<Expected> {
    section.take(key, "\"enabled\", \"disabled\", \"void\" or \"any\"", |text| {
        Expected::ALL.into_iter().find(|expected| expected.label() == text)
    })
}

const HOSTNAMES: &str = "hostnames";

/// Reads the hostnames and the origins of all of them.
fn hostnames(
    section: &mut Section<'_>,
    zone: Option<&ZoneName>,
    extent: Extent,
) -> (Vec<HostnameTarget>, Vec<OriginTarget>) {
    let items = section.items(HOSTNAMES, "a list such as [\"app.example.com\"]");
    if section.has_none(HOSTNAMES) && extent.discovered.is_none() && !extent.zone_level {
        section.reject_table(
            "expected at least one hostname, such as hostnames = [\"app.example.com\"]; \
             or discover = true, or zone_level = true",
        );
    }
    let (mut targets, mut origins) = (Vec::with_capacity(items.len()), Vec::new());
    let mut seen: HashMap<Hostname, usize> = HashMap::with_capacity(items.len());
    for item in items {
        let Some(target) = hostname(section, item, &mut origins) else { continue };
        let hostname = &target.hostname;
        let offset = item.span().start;
        let first = *seen.entry(hostname.clone()).or_insert(offset);
        if first != offset {
            let line = section.line(first);
            let message = format!("expected each hostname once; {hostname} is already at line {line}");
            section.reject_item(HOSTNAMES, item, &message);
        } else if let Some(zone) = zone.filter(|zone| !hostname.is_in(zone)) {
            let mut message = format!("expected a hostname in the zone {zone}, found {hostname}");
            if !hostname.as_str().contains('.') {
                message += &format!("; write \"{hostname}.{zone}\"");
            }
            section.reject_item(HOSTNAMES, item, &message);
        }
        targets.push(target);
    }
    (targets, origins)
}

fn hostname(
    section: &Section<'_>,
    item: &Spanned<DeValue<'_>>,
    origins: &mut Vec<OriginTarget>,
) -> Option<HostnameTarget> {
    match item.get_ref() {
        DeValue::String(text) => match text.parse() {
            Ok(hostname) => Some(HostnameTarget { hostname, expectation: Expectation::default() }),
            Err(error) => {
                section.reject_item(HOSTNAMES, item, &error.to_string());
                None
            }
        },
        DeValue::Table(table) => expecting(section.element(HOSTNAMES, item.span().start, table), origins),
        _ => {
            let message = "expected a hostname such as \"app.example.com\", or { name = …, expect = … }";
            section.reject_item(HOSTNAMES, item, message);
            None
        }
    }
}

/// Reads a hostname with its expectation and its origins.
fn expecting(mut section: Section<'_>, origins: &mut Vec<OriginTarget>) -> Option<HostnameTarget> {
    let hostname = section.parse("name");
    if !section.has("name") {
        section.reject_table("expected a name");
    }
    let association = expected(&mut section, "expect").unwrap_or_default();
    let cert_id: Option<CertId> = section.parse("cert_id");
    if cert_id.is_some() && matches!(association, Expected::Void | Expected::Any) {
        let label = association.label();
        section.reject(
            "cert_id",
            &format!("expected no cert_id with expect = {label:?}, where it has no effect"),
        );
    }
    let ignored = ignored(&mut section, Subject::Hostname);
    origins.extend(probe::origins(&mut section, hostname.as_ref()));
    section.finish();
    Some(HostnameTarget { hostname: hostname?, expectation: Expectation { association, cert_id, ignored } })
}
