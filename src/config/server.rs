//! The table `server`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::section::Section;
use super::{Secrets, Surroundings};
use crate::http::{Hash, Listen, Material, MinVersion, Options, Tls, TlsError, Users, host_name};

/// The settings of the table.
pub(super) struct Server {
    /// The listen address.
    pub(super) listen: Listen,
    /// Options for serving pages, except the view, which other tables set.
    pub(super) serving: Options,
}

impl Server {
    pub(super) fn read(mut section: Section<'_>, surroundings: &mut Surroundings<'_>) -> Self {
        let listen = section
            .take("listen", "an address with a port, such as 127.0.0.1:10219", |text| text.parse().ok());
        let lifecycle = section.flag("lifecycle").unwrap_or(false);
        let allowed_hosts = allowed_hosts(&mut section);
        let tls = tls(section.table("tls"), surroundings);
        let users = users(section.table("basic_auth_users"));
        section.finish();
        Self {
            listen: listen.unwrap_or_else(|| ([127, 0, 0, 1], 10219).into()),
            serving: Options { lifecycle, allowed_hosts, tls, users, ..Options::default() },
        }
    }
}

fn allowed_hosts(section: &mut Section<'_>) -> Option<Vec<String>> {
    const KEY: &str = "allowed_hosts";
    let items = section.items(KEY, "a list such as [\"aop.example.com\"]");
    let mut names = Vec::new();
    for item in items {
        match item.get_ref().as_str().and_then(host_name) {
            Some(name) => names.push(name),
            None => {
                let message = "expected a host name without a port, such as aop.example.com; addresses are always allowed";
                section.reject_item(KEY, item, message);
            }
        }
    }
    section.has(KEY).then_some(names)
}

fn tls(mut section: Section<'_>, surroundings: &mut Surroundings<'_>) -> Option<Tls> {
    const CERTIFICATES: &str = "cert_file";
    const KEY: &str = "key_file";
    const CLIENTS: &str = "client_ca_file";
    let [certificates, key, clients] = [CERTIFICATES, KEY, CLIENTS]
        .map(|key| section.take(key, "the path of a file", |text| surroundings.path(text)));
    let min_version = section.take("min_version", "\"1.2\" or \"1.3\"", |text| match text {
        "1.2" => Some(MinVersion::Tls12),
        "1.3" => Some(MinVersion::Tls13),
        _ => None,
    });
    if section.is_present() && !(section.has(CERTIFICATES) && section.has(KEY)) {
        section.reject_table("expected both cert_file and key_file");
    }
    let mut read = |section: &Section<'_>, key: &'static str, path: Option<PathBuf>| {
        let path = path.filter(|_| surroundings.secrets == Secrets::Check)?;
        let report = |error| section.reject(key, &format!("file {} cannot be read: {error}", path.display()));
        surroundings.read(&path).map_err(report).ok()
    };
    let wants_clients = section.has(CLIENTS);
    let certificates = read(&section, CERTIFICATES, certificates);
    let key = read(&section, KEY, key);
    let clients = read(&section, CLIENTS, clients);
    let tls = || {
        let client_authorities = if wants_clients { Some(clients.as_deref()?) } else { None };
        let material =
            Material { certificates: certificates.as_deref()?, key: key.as_deref()?, client_authorities };
        let report = |error: TlsError| {
            let key = match error {
                TlsError::Certificates(_) => CERTIFICATES,
                TlsError::Key(_) | TlsError::Pair(_) => KEY,
                TlsError::ClientAuthorities(_) | TlsError::ClientAuthority(_) | TlsError::Verifier(_) => {
                    CLIENTS
                }
            };
            section.reject(key, &error.to_string());
        };
        Tls::new(&material, min_version.unwrap_or_default()).map_err(report).ok()
    };
    let tls = tls();
    section.finish();
    tls
}

fn users(mut section: Section<'_>) -> Option<Users> {
    if !section.is_present() {
        return None;
    }
    let mut hashes = BTreeMap::new();
    for (name, hash) in section.secrets::<Hash>("expected at least one name = \"bcrypt hash\"") {
        if name.is_empty() || name.contains(':') {
            section.reject_table(&format!("expected user names without a colon, found {name:?}"));
        }
        hashes.insert(name, hash);
    }
    Users::new(hashes).map_err(|error| section.reject_table(&error.to_string())).ok()
}
