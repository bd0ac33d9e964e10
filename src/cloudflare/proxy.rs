//! Validation of the proxy named in the environment. The HTTP client silently ignores a proxy that it cannot parse and
//! connects directly.

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// The reason why the proxy in an environment variable cannot be used. The message never contains the value, which may
/// include a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// The variable is not the URL of a proxy.
    #[error("{0}: expected the URL of a proxy, such as http://proxy.example.com:3128, found something else")]
    Url(&'static str),
    /// The scheme of the proxy is not supported.
    #[error(
        "{0}: expected an http or https proxy, such as http://proxy.example.com:3128, found another scheme"
    )]
    Scheme(&'static str),
}

/// Checks the proxy for requests to the API, in the order in which the client reads the variables.
///
/// # Errors
/// Fails if a variable names a proxy that cannot be used.
pub fn check_proxy(environment: &dyn Fn(&str) -> Option<String>) -> Result<(), ProxyError> {
    // the first of the two spellings that is set applies, even if it is empty
    for names in [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]] {
        let set = names.into_iter().find_map(|name| Some((name, environment(name)?)));
        if let Some((name, value)) = set.filter(|(_, value)| !value.is_empty()) {
            return check(name, &value);
        }
    }
    Ok(())
}

fn check(name: &'static str, value: &str) -> Result<(), ProxyError> {
    if let Some((scheme, _)) = value.split_once("://")
        && !["http", "https"].iter().any(|known| known.eq_ignore_ascii_case(scheme))
    {
        return Err(ProxyError::Scheme(name));
    }
    // parse it like the client does
    let found =
        Matcher::builder().https(value).build().intercept(&Uri::from_static("https://api.cloudflare.com"));
    let uri = found.as_ref().map(|found| found.uri()).ok_or(ProxyError::Url(name))?;
    // the client accepts any text as a port and then uses the default port
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let has_port = !authority.ends_with(']') && authority.contains(':');
    let is_port = uri.port_u16().is_some_and(|port| port > 0);
    let is_host = uri.host().is_some_and(|host| !host.is_empty());
    if is_host && is_port == has_port { Ok(()) } else { Err(ProxyError::Url(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(set: &[(&str, &str)]) -> Result<(), ProxyError> {
        check_proxy(&|name| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_proxy_is_an_http_or_https_url() {
        for good in [
            "",
            "proxy",
            "proxy.example.com:3128",
            "http://proxy:3128",
            "HTTP://proxy:3128/",
            "https://user:pass%40word@proxy.example.com",
            "http://[::1]:3128",
            "http://[::1]",
            "10.0.0.1:8080",
        ] {
            assert_eq!(checked(&[("HTTPS_PROXY", good)]), Ok(()), "{good}");
        }
        for bad in [
            " ",
            "http://",
            "http:///",
            "http:proxy",
            "/proxy",
            "http://proxy:port",
            "http://proxy:",
            "http://proxy:0",
            "http://proxy:99999",
            "http://user:pass word@proxy:3128",
            "http://pro xy:3128",
            "proxy:3128/path",
            "\u{fffd}",
        ] {
            assert_eq!(checked(&[("HTTPS_PROXY", bad)]), Err(ProxyError::Url("HTTPS_PROXY")), "{bad}");
        }
        for other in ["socks5://proxy:1080", "ftp://proxy", "htpp://proxy:3128"] {
            assert_eq!(checked(&[("HTTPS_PROXY", other)]), Err(ProxyError::Scheme("HTTPS_PROXY")), "{other}");
        }
    }

    #[test]
    fn the_variable_that_the_client_uses_is_checked_and_named() {
        for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            assert_eq!(checked(&[(name, "http://")]), Err(ProxyError::Url(name)));
        }
        assert_eq!(checked(&[]), Ok(()));
        let good = ("HTTPS_PROXY", "http://proxy:3128");
        assert_eq!(checked(&[good, ("https_proxy", "http://"), ("ALL_PROXY", "socks5://proxy")]), Ok(()));
        let failed = checked(&[("HTTPS_PROXY", ""), ("ALL_PROXY", "socks5://proxy")]);
        assert_eq!(failed, Err(ProxyError::Scheme("ALL_PROXY")));
    }

    #[test]
    fn no_error_contains_the_value() {
        for value in ["http://user:s3cret@pro xy", "s3cret://proxy", "http://proxy:s3cret"] {
            let error = checked(&[("https_proxy", value)]).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}
