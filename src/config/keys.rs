//! Errors of unknown keys, which name the key that was probably meant or the table where the key belongs.

use super::value;

/// Keys of other programs and likely guesses, each with the key of this program.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("account_id", "id"),
    ("address", "listen"),
    ("api_url", "base_url"),
    ("association", "expect"),
    ("basic_auth", "basic_auth_users"),
    ("bind", "listen"),
    ("ca", "ca_file"),
    ("cert", "cert_file"),
    ("certificate", "cert_file"),
    ("certificate_id", "cert_id"),
    ("client_ca", "client_ca_file"),
    ("cloudflare", "account"),
    ("cron", "schedule"),
    ("crit", "critical"),
    ("domain", "name"),
    ("domains", "hostnames"),
    ("endpoint", "base_url"),
    ("every", "schedule"),
    ("expected", "expect"),
    ("host", "name"),
    ("host", "listen"),
    ("hosts", "hostnames"),
    ("hostname", "hostnames"),
    ("hostname", "name"),
    ("ignore_findings", "ignore"),
    ("interval", "schedule"),
    ("key", "key_file"),
    ("listen_address", "listen"),
    ("mute", "ignore"),
    ("names", "hostnames"),
    ("poll_interval", "schedule"),
    ("port", "listen"),
    ("silence", "ignore"),
    ("state", "state_file"),
    ("url", "base_url"),
    ("users", "basic_auth_users"),
    ("warn", "warning"),
    ("web", "server"),
    ("zone", "name"),
    ("zone_id", "id"),
    ("zone_name", "name"),
];

/// The table of each key that belongs in one table only.
const HOMES: &[(&str, &[&str])] = &[
    ("[server]", &["listen", "lifecycle", "allowed_hosts", "tls", "basic_auth_users"]),
    ("[server.tls]", &["cert_file", "key_file", "client_ca_file", "min_version"]),
    ("[poll]", &["schedule", "jitter", "state_file"]),
    ("[metrics]", &["states"]),
    ("[thresholds]", &["warning", "critical", "pending"]),
    ("[probe]", &["max_concurrent", "private_addresses"]),
    (
        "[[account]], before its first [[account.zone]]",
        &[
            "api_token_env",
            "api_token_file",
            "base_url",
            "timeout",
            "max_concurrent_requests",
            "rate_limit",
            "quota",
            "ca_file",
        ],
    ),
    ("[[account.zone]], or the table of a hostname", &["ignore"]),
    (
        "[[account.zone]]",
        &["hostnames", "discover", "discovered_expect", "exclude", "zone_level", "strategy"],
    ),
    ("the table of a hostname, { name = …, expect = … }", &["expect", "cert_id", "origin", "origins"]),
    ("the table of an origin, { address = … }", &["server_name", "path"]),
];

/// Returns the error of a key that is not in `known`.
pub(super) fn unknown(key: &str, known: &[&'static str]) -> String {
    let plain = key.to_ascii_lowercase().replace('-', "_");
    let other_names = OTHER_NAMES.iter().filter(|(other, _)| *other == plain).map(|(_, name)| *name);
    let meant = known.iter().copied().find(|known| *known == plain);
    if let Some(meant) = meant.or_else(|| other_names.clone().find(|name| known.contains(name))) {
        return did_you_mean(meant);
    }
    if is_of_global_key(&plain) {
        return "unknown key; the Global API Key and an e-mail address are not accepted: create an API token, and name \
            its file with api_token_file, or its variable with api_token_env, in [[account]]"
            .into();
    }
    let home = |key: &str| HOMES.iter().find(|(_, keys)| keys.contains(&key)).map(|(home, _)| *home);
    if known.contains(&"account") && ["zone", "zones"].contains(&plain.as_str()) {
        return "unknown key, zones are written as [[account.zone]]".into();
    }
    if plain.contains("proxy") {
        return "unknown key, the proxy is taken from the environment variable HTTPS_PROXY".into();
    }
    if ["log_level", "log_format"].contains(&plain.as_str()) {
        return format!("unknown key, it is the option --{} of the command line", plain.replace('_', "-"));
    }
    if ["tls", "basic_auth_users"].contains(&plain.as_str()) {
        return format!("unknown key here, write [server.{plain}]");
    }
    if let Some(home) = home(&plain) {
        return format!("unknown key here, it belongs in {home}");
    }
    if is_secret(key) {
        return "unknown key; a token is never written in this file: name its file with api_token_file, or its variable \
            with api_token_env"
            .into();
    }
    if let Some(near) = nearest(&plain, known) {
        return did_you_mean(near);
    }
    match other_names.into_iter().find_map(|name| Some((name, home(name)?))) {
        Some((name, home)) => format!("unknown key, did you mean {name}? It belongs in {home}"),
        None => format!("unknown key, expected one of {}", known.join(", ")),
    }
}

fn did_you_mean(key: &str) -> String {
    match key {
        "account" => "unknown key, did you mean [[account]]?".into(),
        "zone" => "unknown key, did you mean [[account.zone]]?".into(),
        _ => format!("unknown key, did you mean {key}?"),
    }
}

/// Returns true if the value of a key may be a secret.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["token", "secret", "password", "api_key"].iter().any(|part| key.contains(part))
}

fn is_of_global_key(key: &str) -> bool {
    ["mail", "api_key", "auth_key", "global_key"].iter().any(|part| key.contains(part))
}

/// Returns the known key that is at most two edits away, or one edit for a short key.
fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let max = if key.len() < 4 { 1 } else { 2 };
    let distances = known.iter().map(|known| (value::distance(key, known), *known));
    distances.filter(|(distance, _)| *distance <= max).min().map(|(_, known)| known)
}
