//! The tables `[[account]]`.

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
use crate::cloudflare::{ApiToken, BaseUrl, Options, RateLimit, check_proxy};
use crate::domain::{AccountId, Targets};

/// An account whose token reads zones.
#[derive(Clone, Debug)]
pub struct Account {
    /// Options of the API client.
    pub options: Options,
    /// The source of the token.
    pub token: TokenSource,
    /// The token itself, read along with the file; `None` if secrets were not read.
    pub read_token: Option<ApiToken>,
    /// The rate limit of its requests. Accounts that share a quota have the same limit.
    pub rate_limit: RateLimit,
    /// The name of its quota, which accounts can share; the name of the account by default.
    pub quota: String,
}

impl Account {
    /// Returns an account with this name and default settings.
    pub fn new(name: Arc<str>) -> Self {
        /// Half of what Cloudflare allows one user.
        const REQUESTS: NonZeroU32 = NonZeroU32::new(600).expect("it is not zero");
        let quota = name.to_string();
        let options = Options {
            account: name,
            account_id: None,
            base_url: BaseUrl::default(),
            timeout: Duration::from_secs(30),
            max_concurrent_requests: 8,
            extra_ca: None,
        };
        let rate_limit = RateLimit { requests: REQUESTS, per: Duration::from_mins(5) };
        let token = TokenSource::Env("CLOUDFLARE_API_TOKEN".into());
        Self { options, token, read_token: None, rate_limit, quota }
    }
}

impl Default for Account {
    /// Returns an account with default settings.
    fn default() -> Self {
        Self::new("default".into())
    }
}

const NAME: &str = "a name of 1 to 64 letters, digits, '.', '_' and '-'";

/// Reads the accounts, and rejects those that contradict each other.
pub(super) struct Accounts<'e> {
    surroundings: Surroundings<'e>,
    accounts: Vec<Account>,
    zones: Zones,
    /// The offset of each name in the file.
    names: HashMap<Arc<str>, usize>,
    /// The limit of each quota, and its offset in the file.
    quotas: HashMap<String, (RateLimit, usize)>,
    is_proxy_checked: bool,
}

impl<'e> Accounts<'e> {
    pub(super) fn new(surroundings: Surroundings<'e>) -> Self {
        let (names, quotas) = (HashMap::new(), HashMap::new());
        Self {
            surroundings,
            accounts: Vec::new(),
            zones: Zones::default(),
            names,
            quotas,
            is_proxy_checked: false,
        }
    }

    /// Returns the accounts, and the zones of all of them.
    pub(super) fn finish(self) -> (Vec<Account>, Targets) {
        (self.accounts, self.zones.finish())
    }

    /// Reads an account and its zones.
    pub(super) fn read(&mut self, mut section: Section<'_>) {
        let mut account = Account::new(self.name(&mut section));
        let options = &mut account.options;
        let expected = "an account id of 32 hexadecimal digits";
        options.account_id = section.take("id", expected, |text| text.parse::<AccountId>().ok());
        options.base_url = section.parse("base_url").unwrap_or_default();
        self.check_proxy(&section, &options.base_url);
        let timeout = section.take("timeout", "a duration of 1ms to 10m, such as 30s", |text| {
            value::duration(text, Duration::from_millis(1), Duration::from_mins(10))
        });
        options.timeout = timeout.unwrap_or(options.timeout);
        let concurrent = section.number("max_concurrent_requests", 1..=256);
        let concurrent = concurrent.and_then(|number| usize::try_from(number).ok());
        options.max_concurrent_requests = concurrent.unwrap_or(options.max_concurrent_requests);
        (account.token, account.read_token) = self.token(&mut section, account.token);
        options.extra_ca = self.ca_file(&mut section);
        read_rate_limit(&mut section, &mut account.rate_limit);
        let quota = section.take("quota", NAME, |text| value::is_name(text).then(|| text.to_owned()));
        account.quota = quota.unwrap_or(account.quota);
        self.check_quota(&section, &account);
        for zone in section.tables("zone") {
            self.zones.read(zone, &account.options.account);
        }
        section.finish();
        self.accounts.push(account);
    }

    /// Reads the name, and rejects a second account of the same name.
    fn name(&mut self, section: &mut Section<'_>) -> Arc<str> {
        let given = section.take("name", NAME, |text| value::is_name(text).then(|| text.into()));
        let is_invalid = given.is_none() && section.has("name");
        let name = given.unwrap_or(Account::default().options.account);
        if is_invalid {
            return name;
        }
        let offset = section.offset("name");
        let first = *self.names.entry(Arc::clone(&name)).or_insert(offset);
        if first != offset {
            let line = section.line(first);
            section.reject(
                "name",
                &format!("expected a unique name; the account at line {line} is also named {name:?}"),
            );
        }
        name
    }

    /// Reads the source of the token and the token itself, and rejects a missing token.
    fn token(&mut self, section: &mut Section<'_>, default: TokenSource) -> (TokenSource, Option<ApiToken>) {
        const FILE: &str = "api_token_file";
        const VARIABLE: &str = "api_token_env";
        let file = section.take(FILE, "the path of a file", |text| self.surroundings.path(text));
        let variable =
            section.take(VARIABLE, "the name of the environment variable that holds the token", |text| {
                is_variable(text).then(|| text.to_owned())
            });
        let given = [FILE, VARIABLE].map(|key| section.has(key));
        if given == [true, true] {
            section.reject(VARIABLE, "expected either api_token_file or api_token_env, found both");
        }
        let is_valid = given == [file.is_some(), variable.is_some()] && given != [true, true];
        let source = file.map(TokenSource::File).or(variable.map(TokenSource::Env)).unwrap_or(default);
        let mut token = None;
        if is_valid && self.surroundings.secrets == Secrets::Check {
            let Surroundings { environment, files, .. } = &mut self.surroundings;
            match source.read_with(*environment, |path| files.read(path)) {
                Ok(read) => token = Some(read),
                Err(error) if given == [false, false] => {
                    section.reject_table(&format!("{error}; set it, or give api_token_file"));
                }
                Err(error) => section.reject(if given[0] { FILE } else { VARIABLE }, &error.to_string()),
            }
        }
        (source, token)
    }

    /// Rejects a proxy in the environment that cannot be used. Checks it once, since all accounts share it.
    fn check_proxy(&mut self, section: &Section<'_>, base_url: &BaseUrl) {
        let is_asked = self.surroundings.secrets == Secrets::Check && !base_url.is_loopback();
        if is_asked
            && !std::mem::replace(&mut self.is_proxy_checked, true)
            && let Err(error) = check_proxy(self.surroundings.environment)
        {
            section.reject_table(&error.to_string());
        }
    }

    fn ca_file(&mut self, section: &mut Section<'_>) -> Option<Vec<u8>> {
        let path = section.take("ca_file", "the path of a file", |text| self.surroundings.path(text))?;
        if self.surroundings.secrets == Secrets::Skip {
            return None;
        }
        let shown = path.display();
        let message = match self.surroundings.read(&path) {
            Ok(pem) if has_certificate(&pem) => return Some(pem),
            Ok(_) => format!("expected a certificate in PEM, file {shown} contains none"),
            Err(error) => format!("file {shown} cannot be read: {error}"),
        };
        section.reject("ca_file", &message);
        None
    }

    /// Rejects a limit that differs from that of an earlier account with the same quota.
    fn check_quota(&mut self, section: &Section<'_>, account: &Account) {
        let offset = section.offset("rate_limit");
        let earlier = self.quotas.entry(account.quota.clone()).or_insert((account.rate_limit, offset));
        if earlier.0 != account.rate_limit {
            let line = section.line(earlier.1);
            section.reject(
                if section.has("rate_limit") { "rate_limit" } else { "quota" },
                &format!("expected the rate_limit of the account at line {line}, which has the same quota"),
            );
        }
    }
}

fn read_rate_limit(section: &mut Section<'_>, limit: &mut RateLimit) {
    let mut table = section.table("rate_limit");
    let requests = table.number("requests", 1..=u32::MAX).and_then(NonZeroU32::new);
    let per = table.take("per", "a duration of 1s to 24h, such as 5m", |text| {
        value::duration(text, Duration::from_secs(1), Duration::from_hours(24))
    });
    if table.is_present() && !(table.has("requests") && table.has("per")) {
        table.reject_table("expected both requests and per");
    }
    table.finish();
    limit.requests = requests.unwrap_or(limit.requests);
    limit.per = per.unwrap_or(limit.per);
}

fn has_certificate(pem: &[u8]) -> bool {
    let mut certificates = CertificateDer::pem_slice_iter(pem).peekable();
    certificates.peek().is_some() && certificates.all(|certificate| certificate.is_ok())
}
