//! The accounts of the file.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::section::Section;
use super::token::{TokenSource, is_variable};
use super::value;
use super::zone::Zones;
use super::{Secrets, Surroundings};
use crate::cloudflare::{Options, RateLimit};
use crate::domain::{AccountId, Targets};

/// An account through whose token zones are read.
#[derive(Clone, Debug)]
pub struct Account {
    /// How the API is reached.
    pub options: Options,
    /// Where its token is kept.
    pub token: TokenSource,
    /// How many requests it may send; the same for all accounts of one quota.
    pub rate_limit: RateLimit,
    /// The quota that it shares with other accounts of the same; its own name unless the file gives another.
    pub quota: String,
}

const NAME: &str = "a name of 1 to 64 letters, digits, '.', '_' and '-'";

/// Reads one account after the other; they may not contradict each other.
pub(super) struct Accounts<'e> {
    surroundings: Surroundings<'e>,
    accounts: Vec<Account>,
    zones: Zones,
    /// Where each name was given.
    names: HashMap<String, usize>,
    /// What limit each quota has, and where it was given.
    quotas: HashMap<String, (RateLimit, usize)>,
}

impl<'e> Accounts<'e> {
    pub(super) fn new(surroundings: Surroundings<'e>) -> Self {
        let (names, quotas) = (HashMap::new(), HashMap::new());
        Self { surroundings, accounts: Vec::new(), zones: Zones::default(), names, quotas }
    }

    /// The accounts, and the zones of all of them.
    pub(super) fn finish(self) -> (Vec<Account>, Targets) {
        (self.accounts, self.zones.finish())
    }

    /// Reads an account and its zones.
    pub(super) fn read(&mut self, mut section: Section<'_>) {
        let name = self.name(&mut section);
        let expected = "an account id of 32 hexadecimal digits";
        let id = section.take("id", expected, |text| text.parse::<AccountId>().ok());
        let base_url = section.parse_or("base_url", "https://api.cloudflare.com/client/v4");
        let timeout = section.take("timeout", "a duration of 1ms to 10m, such as 30s", |text| {
            value::duration(text, Duration::from_millis(1), Duration::from_mins(10))
        });
        let concurrent = section.number("max_concurrent_requests", 1..=256).unwrap_or(8);
        let token = self.token(&mut section);
        let extra_ca = self.ca_file(&mut section);
        let rate_limit = rate_limit(&mut section);
        let quota = section.take("quota", NAME, |text| value::is_name(text).then(|| text.to_owned()));
        let quota = quota.unwrap_or_else(|| name.to_string());
        self.check_quota(&section, &quota, rate_limit);
        for zone in section.tables("zone") {
            self.zones.read(zone, &name);
        }
        section.finish();
        let Some(base_url) = base_url else { return };
        let options = Options {
            account: name,
            account_id: id,
            base_url,
            timeout: timeout.unwrap_or(Duration::from_secs(30)),
            max_concurrent_requests: usize::try_from(concurrent).unwrap_or(usize::MAX),
            extra_ca,
        };
        self.accounts.push(Account { options, token, rate_limit, quota });
    }

    fn name(&mut self, section: &mut Section<'_>) -> Arc<str> {
        let given = section.take("name", NAME, |text| value::is_name(text).then(|| text.to_owned()));
        let invalid = given.is_none() && section.has("name");
        let name = given.unwrap_or_else(|| "default".to_owned());
        let offset = section.offset("name");
        if let Some(first) = self.names.get(&name).filter(|_| !invalid) {
            let line = section.line(*first);
            section.reject(
                "name",
                &format!("expected a name of its own, {name:?} is the account at line {line}"),
            );
        } else if !invalid {
            self.names.insert(name.clone(), offset);
        }
        name.into()
    }

    fn token(&self, section: &mut Section<'_>) -> TokenSource {
        const FILE: &str = "api_token_file";
        const VARIABLE: &str = "api_token_env";
        let file = section.take(FILE, "the path of a file", |text| self.surroundings.path(text));
        let variable = section.take(VARIABLE, "the name of an environment variable", |text| {
            is_variable(text).then(|| text.to_owned())
        });
        let given = [FILE, VARIABLE].map(|key| section.has(key));
        if given == [true, true] {
            section.reject(VARIABLE, "expected either api_token_file or api_token_env, found both");
        }
        let complete = given == [file.is_some(), variable.is_some()] && given != [true, true];
        let source = match (file, variable) {
            (Some(file), _) => TokenSource::File(file),
            (None, variable) => TokenSource::Env(variable.unwrap_or("CLOUDFLARE_API_TOKEN".into())),
        };
        if complete && self.surroundings.secrets == Secrets::Check {
            let error =
                source.read_with(self.surroundings.environment, &|path| self.surroundings.read(path)).err();
            match error.map(|error| error.to_string()) {
                Some(error) if given == [false, false] => {
                    section.lacks(&format!("{error}; or api_token_file"));
                }
                Some(error) => section.reject(if given[0] { FILE } else { VARIABLE }, &error),
                None => {}
            }
        }
        source
    }

    fn ca_file(&self, section: &mut Section<'_>) -> Option<Vec<u8>> {
        let path = section.take("ca_file", "the path of a file", |text| self.surroundings.path(text))?;
        if self.surroundings.secrets == Secrets::Skip {
            return None;
        }
        let shown = path.display();
        let complaint = match self.surroundings.read(&path) {
            Ok(pem) if has_certificate(&pem) => return Some(pem),
            Ok(_) => format!("expected a certificate in PEM, file {shown} holds none"),
            Err(error) => format!("file {shown} cannot be read: {error}"),
        };
        section.reject("ca_file", &complaint);
        None
    }

    fn check_quota(&mut self, section: &Section<'_>, quota: &str, rate_limit: RateLimit) {
        let offset = section.offset("rate_limit");
        let (first, line) = *self.quotas.entry(quota.to_owned()).or_insert((rate_limit, offset));
        if first != rate_limit {
            let line = section.line(line);
            section.reject(
                if section.has("rate_limit") { "rate_limit" } else { "quota" },
                &format!("expected the rate_limit of the account at line {line}, which has the same quota"),
            );
        }
    }
}

/// Half of what Cloudflare allows one user, unless the file gives another.
fn rate_limit(section: &mut Section<'_>) -> RateLimit {
    const REQUESTS: NonZeroU32 = NonZeroU32::new(600).expect("it is not zero");
    let mut limit = RateLimit { requests: REQUESTS, per: Duration::from_mins(5) };
    let given = section.has("rate_limit");
    let mut table = section.table("rate_limit");
    let requests = table.number("requests", 1..=u32::MAX).and_then(NonZeroU32::new);
    let per = table.take("per", "a duration of 1s to 24h, such as 5m", |text| {
        value::duration(text, Duration::from_secs(1), Duration::from_hours(24))
    });
    if given && table.is_there() && !(table.has("requests") && table.has("per")) {
        table.lacks("expected both requests and per");
    }
    table.finish();
    limit.requests = requests.unwrap_or(limit.requests);
    limit.per = per.unwrap_or(limit.per);
    limit
}

fn has_certificate(pem: &[u8]) -> bool {
    let mut certificates = CertificateDer::pem_slice_iter(pem).peekable();
    certificates.peek().is_some() && certificates.all(|certificate| certificate.is_ok())
}
