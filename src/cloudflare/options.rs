//! Options of an API client.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::AccountId;

/// Options for accessing the API on behalf of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The account's name in the configuration and in the label `account`.
    pub account: Arc<str>,
    /// The account's id. It is needed to verify a token owned by the account, and restricts the list of zones to this
    /// account.
    pub account_id: Option<AccountId>,
    /// The base URL of the API.
    pub base_url: BaseUrl,
    /// The timeout of one request, including its response.
    pub timeout: Duration,
    /// The maximum number of requests in flight.
    pub max_concurrent_requests: usize,
    /// PEM certificates of authorities to trust in addition to the system's.
    pub extra_ca: Option<Vec<u8>>,
}

/// The base URL of the API. It is `https`, or `http` with a loopback address, and ends in a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// The reason why a text is not a valid base URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// The text is not a URL with a host.
    #[error("expected a URL such as https://api.cloudflare.com/client/v4")]
    Url,
    /// The URL would send the token in clear text.
    #[error("expected https, or http to a loopback address such as 127.0.0.1")]
    PlainHttp,
    /// The URL has credentials, a query or a fragment.
    #[error("expected a URL without user, password, query and fragment")]
    Extras,
}

impl BaseUrl {
    /// Returns the URL.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Returns true if the host is this machine.
    pub fn is_loopback(&self) -> bool {
        match self.0.host_str() {
            Some("localhost") => true,
            Some(host) => {
                let address = host.trim_start_matches('[').trim_end_matches(']');
                address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            }
            None => false,
        }
    }
}

impl Default for BaseUrl {
    /// Returns Cloudflare's own API.
    fn default() -> Self {
        "https://api.cloudflare.com/client/v4".parse().expect("a valid URL")
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let mut url = Url::parse(text).map_err(|_| BaseUrlError::Url)?;
        if !url.has_host() {
            return Err(BaseUrlError::Url);
        }
        let extras = url.username() != "" || url.password().is_some();
        if extras || url.query().is_some() || url.fragment().is_some() {
            return Err(BaseUrlError::Extras);
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let url = Self(url);
        match url.0.scheme() {
            "https" => Ok(url),
            "http" if url.is_loopback() => Ok(url),
            "http" => Err(BaseUrlError::PlainHttp),
            _ => Err(BaseUrlError::Url),
        }
    }
}

/// A bearer token. It has no `Display` and no `Serialize`, and its `Debug` is redacted, so nothing prints it.
#[derive(Clone)]
pub struct ApiToken(SecretString);

/// The reason why a text cannot be a token. The message never contains the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The text is empty or only whitespace.
    #[error("expected an API token, found nothing")]
    Empty,
    /// The text has characters other than visible ASCII.
    #[error("expected an API token of visible ASCII characters, found others")]
    Characters,
}

impl FromStr for ApiToken {
    type Err = TokenError;

    /// Parses a token, ignoring the surrounding whitespace that files and variables tend to have.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let token = text.trim();
        if token.is_empty() {
            Err(TokenError::Empty)
        } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            Err(TokenError::Characters)
        } else {
            Ok(Self(token.into()))
        }
    }
}

impl ApiToken {
    /// Returns the `Authorization` header (RFC 6750, section 2.1), marked as sensitive so that it is never logged.
    pub(super) fn header(&self) -> Result<HeaderValue, reqwest::header::InvalidHeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0.expose_secret()))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Removes the token from a server's text, which may be cut off anywhere. None if the text does not contain the token.
    pub(super) fn redact(&self, words: &str) -> Option<String> {
        const HIDDEN: &str = "[token]";
        let token = self.0.expose_secret();
        let mut hidden = words.replace(token, HIDDEN);
        // a few matching characters may be a coincidence
        if let Some(rest) = (4..token.len()).rev().find_map(|length| hidden.strip_suffix(&token[..length])) {
            hidden = format!("{rest}{HIDDEN}");
        }
        (hidden != words).then_some(hidden)
    }
}

impl PartialEq for ApiToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiToken(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_https_or_a_loopback_address() {
        assert_eq!(BaseUrl::default().as_url().as_str(), "https://api.cloudflare.com/client/v4/");
        let parsed = |text: &str| text.parse::<BaseUrl>().map(|url| url.as_url().to_string());
        assert_eq!(
            parsed("https://api.cloudflare.com/client/v4").as_deref(),
            Ok("https://api.cloudflare.com/client/v4/")
        );
        for local in ["http://127.0.0.1:8080/x/", "http://127.9.9.9/", "http://[::1]:1/", "http://localhost/"]
        {
            assert_eq!(parsed(local).as_deref(), Ok(local));
        }
        for plain in [
            "http://api.cloudflare.com",
            "http://10.0.0.1",
            "http://127.0.0.1.example",
            "http://localhost.example",
        ] {
            assert_eq!(parsed(plain), Err(BaseUrlError::PlainHttp));
        }
        for other in ["", "api.cloudflare.com", "file:///etc", "ftp://example.com"] {
            assert_eq!(parsed(other), Err(BaseUrlError::Url), "{other}");
        }
        for extras in [
            "https://u@example.com",
            "https://u:p@example.com",
            "https://example.com/?q",
            "https://example.com/#f",
        ] {
            assert_eq!(parsed(extras), Err(BaseUrlError::Extras));
        }
    }

    #[test]
    fn a_token_is_trimmed_and_never_printed() {
        let token: ApiToken = "  s3cret\n".parse().unwrap();
        let header = token.header().unwrap();
        assert_eq!(header.as_bytes(), b"Bearer s3cret");
        assert_eq!(format!("{token:?} {header:?}"), "ApiToken(redacted) Sensitive");
    }

    #[test]
    fn a_token_is_redacted_in_a_servers_text() {
        let token: ApiToken = "s3cret-token".parse().unwrap();
        let hidden = |words| token.redact(words);
        assert_eq!(hidden("s3cret-token, s3cret-token!").as_deref(), Some("[token], [token]!"));
        assert_eq!(hidden("Bearer s3cret-tok").as_deref(), Some("Bearer [token]"));
        for plain in ["", "s3c", "Bearer s3cret is wrong"] {
            assert_eq!(hidden(plain), None);
        }
    }

    #[test]
    fn an_invalid_token_is_refused_without_printing_it() {
        assert_eq!(" \n".parse::<ApiToken>(), Err(TokenError::Empty));
        for text in ["s3c ret", "s3cr\u{e9}t", "s3c\nret"] {
            let error = text.parse::<ApiToken>().unwrap_err();
            assert!(!error.to_string().contains("s3c"));
        }
    }
}
