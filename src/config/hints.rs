//! Hints for errors: what to write instead of a wrong value.

use std::time::Duration;

use toml::de::DeValue;

use super::value;
use crate::domain::{Finding, Hostname, NameError, ZoneName};
use crate::http::Listen;

/// Returns what to write instead of a wrong value of the key at `path`, if that can be guessed.
///
/// The hint repeats nothing of a value that may be a secret.
pub(super) fn instead(path: &str, value: &DeValue<'_>) -> Option<String> {
    let text = value.as_str().map(str::trim);
    let number = value.as_integer().map(|integer| integer.as_str().to_owned());
    match path {
        "server.listen" => listen(number.as_deref().or(text)?),
        "server.allowed_hosts" | "account.zone.hostnames" | "account.zone.hostnames.name" => {
            name::<Hostname>(text?)
        }
        // a name with * is a pattern
        "account.zone.name" => name::<ZoneName>(text.filter(|text| !text.contains('*'))?),
        "account.zone.id" => {
            let name = text?.parse::<ZoneName>().ok().filter(|name| name.as_str().contains('.'))?;
            Some(format!("name = \"{name}\""))
        }
        "metrics.states" => {
            let lower = text?.to_ascii_lowercase();
            ["all", "current"].contains(&lower.as_str()).then(|| format!("{lower:?}"))
        }
        "server.tls.min_version" => {
            value.as_float().map(|float| format!("\"{}\", in quotes", float.as_str()))
        }
        "account.base_url" => {
            let rest = text?.strip_prefix("http://").or(text.filter(|text| !text.contains("://")))?;
            let url = format!("https://{rest}");
            url.parse::<crate::cloudflare::BaseUrl>()
                .ok()
                .filter(|_| rest.contains('.'))
                .map(|_| format!("{url:?}"))
        }
        "poll.schedule" | "probe.schedule" => {
            schedule(&number.map_or_else(|| text.map(str::to_owned), |seconds| Some(seconds + "s"))?)
        }
        "poll.jitter" | "account.timeout" | "account.rate_limit.per" => {
            unit(number.as_deref().or(text)?, "s")
        }
        "thresholds.pending" => unit(number.as_deref().or(text)?, "m"),
        "thresholds.warning" | "thresholds.critical" => unit(number.as_deref().or(text)?, "d"),
        "account.max_concurrent_requests" | "account.rate_limit.requests" => {
            text?.parse::<u32>().ok().map(|number| number.to_string())
        }
        "account.rate_limit" => Some(format!("rate_limit = {{ requests = {}, per = \"5m\" }}", number?)),
        "server.lifecycle"
        | "account.zone.discover"
        | "account.zone.zone_level"
        | "probe.private_addresses" => {
            let yes = match text?.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" => true,
                "false" | "no" | "off" => false,
                _ => return None,
            };
            Some(format!("{yes}, without quotes"))
        }
        "account.zone.ignore" | "account.zone.hostnames.ignore" => {
            let code = text?.to_ascii_lowercase().replace(['-', ' '], "_");
            let found = Finding::ALL
                .into_iter()
                .find(|finding| finding.code() == code || finding.alert().to_ascii_lowercase() == code)?;
            let code = found.code();
            (Some(code) != text).then(|| format!("{code:?}"))
        }
        "account.zone.hostnames.expect" | "account.zone.discovered_expect" => match value {
            DeValue::Boolean(true) => Some("\"enabled\"".into()),
            DeValue::Boolean(false) => Some("\"disabled\"".into()),
            _ => match text? {
                "on" | "active" | "true" => Some("\"enabled\"".into()),
                "off" | "inactive" | "false" => Some("\"disabled\"".into()),
                "none" => Some("\"void\"".into()),
                _ => None,
            },
        },
        "account.api_token_env" => text?.starts_with('$').then(|| "the name without the dollar sign".into()),
        "account.api_token_file"
        | "account.ca_file"
        | "poll.state_file"
        | "server.tls.cert_file"
        | "server.tls.key_file"
        | "server.tls.client_ca_file" => {
            if value.as_str()?.contains(char::is_control) {
                return Some("the path within single quotes, since a backslash starts an escape".into());
            }
            let is_of_shell = text?.starts_with('~') || text?.contains('$');
            is_of_shell.then(|| "the whole path, since neither ~ nor variables are expanded".into())
        }
        "account" | "account.zone" => {
            value.is_table().then(|| format!("[[{path}]], with two brackets on each side"))
        }
        "server" | "poll" | "metrics" | "probe" | "thresholds" => {
            value.is_array().then(|| format!("[{path}], with one bracket on each side"))
        }
        _ => None,
    }
}

/// Completes an address that lacks its host, port or brackets, or that is a URL.
fn listen(text: &str) -> Option<String> {
    let bare = without_scheme(text);
    let bare = bare.split('/').next()?;
    if bare.rsplit(':').next()?.parse::<u64>().is_ok_and(|port| port > u16::MAX.into()) {
        return Some("a port of at most 65535".into());
    }
    let bracketed = || bare.rsplit_once(':').map(|(host, port)| format!("[{host}]:{port}"));
    let is_v6 = |text: &String| text.matches(':').count() > 2;
    let candidates = [
        Some(bare.to_owned()),
        bare.parse::<u16>().ok().map(|port| format!(":{port}")),
        Some(format!("{bare}:10219")).filter(|_| bare == "localhost" || bare.contains('.')),
        Some(format!("[{bare}]:10219")),
        bracketed().filter(is_v6),
    ];
    let is_other = |candidate: &String| candidate != text && candidate.parse::<Listen>().is_ok();
    // a number is a port, not a host
    let is_number = |candidate: &String| bare.parse::<u32>().is_err() || candidate.starts_with(':');
    candidates
        .into_iter()
        .flatten()
        .find(|candidate| is_other(candidate) && is_number(candidate))
        .map(|found| format!("{found:?}"))
}

fn without_scheme(text: &str) -> &str {
    text.split_once("://").map_or(text, |(_, rest)| rest)
}

/// Corrects a name that is part of a URL, has a port, or has a wildcard within a label.
fn name<N: std::str::FromStr<Err = NameError> + std::fmt::Display>(text: &str) -> Option<String> {
    if text.contains('@') {
        return None;
    }
    let bare = without_scheme(text).split(['/', ':', '?']).next()?.trim();
    if bare != text
        && let Ok(name) = bare.parse::<N>()
    {
        return Some(format!("\"{name}\""));
    }
    let (_, rest) = bare.rsplit_once('*')?;
    if rest.is_empty() {
        return Some("the zone after it, such as \"*.example.com\"".into());
    }
    let rest = rest.trim_start_matches(|char| char != '.').trim_start_matches('.');
    let is_inside = rest.contains('.') && rest.parse::<Hostname>().is_ok();
    is_inside.then(|| format!("a wildcard as the whole first label, such as \"*.{rest}\""))
}

/// Returns a cron expression for an interval such as `5m`, `@every 5m` or `@hourly`.
fn schedule(text: &str) -> Option<String> {
    let text = text.strip_prefix("@every").or_else(|| text.strip_prefix("every")).unwrap_or(text).trim();
    let seconds = match text {
        "@hourly" => 3600,
        "@daily" | "@midnight" => 86_400,
        _ => value::span(text).as_ref().map(Duration::as_secs)?,
    };
    let step = |count: u64| if count == 1 { "*".to_owned() } else { format!("*/{count}") };
    let divides = |seconds: u64, unit: u64, most: u64| {
        seconds.is_multiple_of(unit) && most.is_multiple_of(seconds / unit)
    };
    let cron = match seconds {
        1..60 if divides(seconds, 1, 60) => format!("{} * * * * *", step(seconds)),
        60..3600 if divides(seconds, 60, 60) => format!("0 {} * * * *", step(seconds / 60)),
        3600..86_400 if divides(seconds, 3600, 24) => format!("0 0 {} * * *", step(seconds / 3600)),
        86_400 => "0 0 0 * * *".to_owned(),
        _ => {
            return Some(
                "a cron expression such as \"0 */5 * * * *\", which is every five minutes".to_owned(),
            );
        }
    };
    Some(format!("{cron:?}"))
}

/// Adds the unit to a duration without one.
fn unit(number: &str, unit: &str) -> Option<String> {
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| format!("\"{number}{unit}\""))
}
