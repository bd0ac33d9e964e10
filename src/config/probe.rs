//! The table `probe`, and the origins of hostnames.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::section::Section;
use super::value;
use crate::domain::{Hostname, OriginAddress, OriginTarget};
use crate::probe::{self, Options};
use crate::schedule::Schedule;

/// The default schedule of the daemon's probes.
const SCHEDULE: &str = "0 */15 * * * *";

/// Reads the schedule of the daemon's probes, and the options for probing. Missing keys keep their defaults.
pub(super) fn read(mut section: Section<'_>) -> (Schedule, Options) {
    let default = Options::default();
    let schedule = section.parse("schedule");
    let timeout = section.take("timeout", "a duration of 100ms to 1m, such as 10s", |text| {
        value::duration(text, Duration::from_millis(100), Duration::from_mins(1))
    });
    let concurrent =
        section.number("max_concurrent", 1..=256).and_then(|number| usize::try_from(number).ok());
    let private_addresses = section.flag("private_addresses").unwrap_or(default.private_addresses);
    section.finish();
    let options = Options {
        timeout: timeout.unwrap_or(default.timeout),
        max_concurrent: concurrent.unwrap_or(default.max_concurrent),
        private_addresses,
    };
    (schedule.unwrap_or_else(|| SCHEDULE.parse().expect("a valid expression")), options)
}

const ORIGIN: &str = "origin";
const ORIGINS: &str = "origins";

/// Reads the origins of a hostname from its table.
pub(super) fn origins(section: &mut Section<'_>, hostname: Option<&Hostname>) -> Vec<OriginTarget> {
    if section.has(ORIGIN) && section.has(ORIGINS) {
        section.reject(ORIGINS, "expected either origin or origins");
    }
    let one = section.value(ORIGIN).map(|item| (ORIGIN, item));
    let many = section.items(ORIGINS, "a list such as [\"203.0.113.7\", \"203.0.113.8:8443\"]");
    let items = one.into_iter().chain(many.iter().map(|item| (ORIGINS, item)));
    let (mut origins, mut labels) = (Vec::new(), HashSet::new());
    for (key, item) in items {
        let Some(origin) = origin(section, key, item, hostname) else { continue };
        if !labels.insert(Arc::clone(&origin.label)) {
            let message = format!("expected each origin once; {} is already listed", origin.label);
            section.reject_item(key, item, &message);
        }
        origins.push(origin);
    }
    origins
}

fn origin(
    section: &Section<'_>,
    key: &'static str,
    item: &Spanned<DeValue<'_>>,
    hostname: Option<&Hostname>,
) -> Option<OriginTarget> {
    let mut table = match item.get_ref() {
        DeValue::String(text) => {
            let address: OriginAddress = text
                .parse()
                .map_err(|error: crate::domain::OriginAddressError| {
                    section.reject_item(key, item, &error.to_string());
                })
                .ok()?;
            if hostname.is_some_and(Hostname::is_wildcard) {
                let message = format!(
                    "expected a server_name for the TLS handshake; write {{ address = {text:?}, server_name = … }}"
                );
                section.reject_item(key, item, &message);
            }
            return target(hostname?.clone(), None, address, None, None);
        }
        DeValue::Table(table) => section.element(key, item.span().start, table),
        _ => {
            section.reject_item(key, item, "expected an address such as \"203.0.113.7\", or { address = … }");
            return None;
        }
    };
    let address = table.parse("address");
    if !table.has("address") {
        table.reject_table("expected an address");
    }
    let label = table.take("name", "a name of 1 to 64 letters, digits, \".\", \"_\" or \"-\"", |text| {
        value::is_name(text).then(|| text.into())
    });
    let server_name: Option<Hostname> = table.parse("server_name");
    if server_name.as_ref().is_some_and(Hostname::is_wildcard) {
        table.reject("server_name", "expected a name without *");
    }
    if !table.has("server_name") && hostname.is_some_and(Hostname::is_wildcard) {
        table
            .reject_table("expected a server_name for the TLS handshake, which cannot ask for a name with *");
    }
    let path =
        table.take("path", "a path such as \"/health\"", |text| probe::is_path(text).then(|| text.into()));
    table.finish();
    target(hostname?.clone(), label, address?, server_name, path)
}

fn target(
    hostname: Hostname,
    label: Option<Arc<str>>,
    address: OriginAddress,
    server_name: Option<Hostname>,
    path: Option<Arc<str>>,
) -> Option<OriginTarget> {
    Some(OriginTarget {
        label: label.unwrap_or_else(|| address.to_string().into()),
        server_name: server_name.unwrap_or_else(|| hostname.clone()),
        path: path.unwrap_or_else(|| "/".into()),
        hostname,
        address,
        from_dns: false,
    })
}
