//! The built-in configuration, used without a file. It watches all zones that the token in the environment can see.

use std::path::Path;

use super::{Config, ConfigErrors, Environment, Files, Secrets};

/// The variable that holds the token.
pub(super) const TOKEN: &str = "CLOUDFLARE_API_TOKEN";
/// The variable that holds the path of the token's file.
pub(super) const TOKEN_FILE: &str = "CLOUDFLARE_API_TOKEN_FILE";
const BASE_URL: &str = "CLOUDFLARE_BASE_URL";

/// The name of this configuration in errors.
const NAME: &str = "built-in configuration";

const NO_TOKEN: &str = "no API token: set CLOUDFLARE_API_TOKEN to the token, or CLOUDFLARE_API_TOKEN_FILE to the \
    path of a file that holds it; or name a configuration file with --config. Without an account, \
    `cloudflare-aop-exporter demo` serves a simulated one, and `cloudflare-aop-exporter simulate` runs a simulated API";

const TWO_TOKENS: &str = "expected either CLOUDFLARE_API_TOKEN or CLOUDFLARE_API_TOKEN_FILE, found both";

/// Builds the configuration from the environment.
pub(super) fn load(
    secrets: Secrets,
    environment: Environment<'_>,
    files: &mut Files,
) -> Result<Config, ConfigErrors> {
    let given = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
    let is_given = [TOKEN, TOKEN_FILE].map(|name| given(name).is_some());
    let mut errors: Vec<String> = match is_given {
        [false, false] if secrets == Secrets::Check => vec![NO_TOKEN.into()],
        [true, true] => vec![TWO_TOKENS.into()],
        _ => Vec::new(),
    };
    let setting = |key: &str, name| given(name).map(|value| format!("{key} = {}\n", quoted(&value)));
    let token =
        setting("api_token_file", TOKEN_FILE).unwrap_or_else(|| format!("api_token_env = \"{TOKEN}\"\n"));
    let base_url = setting("base_url", BASE_URL).unwrap_or_default();
    let text = format!("[[account]]\n{token}{base_url}[[account.zone]]\nname = \"*\"\nzone_level = true\n");
    // errors of the token have been found already
    let secrets = if errors.is_empty() { secrets } else { Secrets::Skip };
    let config = Config::parse(&text, Path::new(NAME), secrets, environment, files);
    let config = config.map_err(|found| {
        errors.extend(found.texts().map(|text| in_variables(&text, given(TOKEN_FILE).as_deref())));
    });
    config.ok().filter(|_| errors.is_empty()).ok_or_else(|| ConfigErrors::without_lines(NAME, errors))
}

/// Quotes a string as in TOML.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|char| match char {
        '"' | '\\' => format!("\\{char}"),
        char if char.is_control() => format!("\\u{:04x}", u32::from(char)),
        char => char.into(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// Names variables in an error instead of the keys that they set.
fn in_variables(error: &str, token_file: Option<&str>) -> String {
    // a path without a slash may be the token itself, given by mistake
    let unclear = token_file.filter(|path| !path.contains('/'));
    unclear
        .map_or_else(
            || error.to_owned(),
            |path| {
                error.replace(&format!("file {path}"), "file (name hidden)").replace(&quoted(path), "\"…\"")
            },
        )
        .replace("account.api_token_env: ", "")
        .replace("account.api_token_file", TOKEN_FILE)
        .replace("account.base_url", BASE_URL)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use super::*;
    use crate::config::TokenSource;
    use crate::domain::{Expected, Extent};

    fn load_with(variables: &[(&str, &str)], secrets: Secrets) -> Result<Config, String> {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        let environment = |name: &str| variables.get(name).map(|value| (*value).to_owned());
        load(secrets, &environment, &mut Files::default()).map_err(|errors| errors.to_string())
    }

    #[test]
    fn without_a_file_everything_that_the_token_sees_is_watched() {
        let config = load_with(&[(TOKEN, "s3cret")], Secrets::Check).unwrap();
        let [account] = &config.accounts[..] else { panic!("one account") };
        assert_eq!(&*account.options.account, "default");
        assert_eq!(account.options.base_url.as_url().as_str(), "https://api.cloudflare.com/client/v4/");
        assert_eq!(account.token, TokenSource::Env(TOKEN.into()));
        let [pattern] = config.targets.patterns() else { panic!("one pattern") };
        assert_eq!((pattern.pattern.as_str(), &*pattern.account, pattern.exclude.len()), ("*", "default", 0));
        let discovered = Some(Expected::Any);
        assert_eq!(pattern.extent, Extent { discovered, zone_level: true, ..Extent::PLAIN });
        assert!(config.targets.zones().is_empty());
        assert_eq!((config.listen.to_string(), config.state_file), ("127.0.0.1:10219".into(), None));
        assert_eq!(config.jitter, Duration::from_secs(20));
    }

    #[test]
    fn the_token_file_and_the_base_url_come_from_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a \"token\" in \\ \u{7f}é");
        std::fs::write(&path, "s3cret\n").unwrap();
        let url = "http://127.0.0.1:1/client/v4";
        let variables = [(TOKEN_FILE, path.to_str().unwrap()), (BASE_URL, url), (TOKEN, "")];
        let config = load_with(&variables, Secrets::Check).unwrap();
        assert_eq!(config.accounts[0].token, TokenSource::File(path));
        assert_eq!(config.accounts[0].token.read().unwrap(), "s3cret".parse().unwrap());
        assert_eq!(config.accounts[0].options.base_url.as_url().as_str(), "http://127.0.0.1:1/client/v4/");
    }

    #[test]
    fn a_change_of_the_token_file_is_noticed() {
        let token = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(token.path(), "one").unwrap();
        let path = token.path().to_str().unwrap().to_owned();
        let mut files = Files::default();
        load(Secrets::Check, &|name| (name == TOKEN_FILE).then(|| path.clone()), &mut files).unwrap();
        assert_eq!(files.look_again(), files);
        std::fs::write(token.path(), "two").unwrap();
        assert_ne!(files.look_again(), files);
    }

    #[test]
    fn errors_of_the_environment_name_its_variables() {
        let cases: [(&[(&str, &str)], &str); 8] = [
            (&[], NO_TOKEN),
            (&[(TOKEN, " "), (TOKEN_FILE, "")], NO_TOKEN),
            (&[(TOKEN, "s3cret"), (TOKEN_FILE, "/token")], TWO_TOKENS),
            (
                &[(TOKEN, "s3c ret")],
                "environment variable CLOUDFLARE_API_TOKEN: expected an API token of visible ASCII characters, found others",
            ),
            (
                &[(TOKEN_FILE, "/nonexistent/token")],
                "CLOUDFLARE_API_TOKEN_FILE: file /nonexistent/token cannot be read: No such file or directory (os error 2)",
            ),
            (
                &[(TOKEN_FILE, "s3cret")],
                "CLOUDFLARE_API_TOKEN_FILE: file (name hidden) cannot be read: No such file or directory (os error 2)",
            ),
            (
                &[(TOKEN, "s3cret"), (BASE_URL, "http://api.example.com")],
                "CLOUDFLARE_BASE_URL = \"http://api.example.com\": \
                 expected https, or http to a loopback address such as 127.0.0.1",
            ),
            (
                &[(BASE_URL, "https://user:s3cret@api.example.com")],
                "CLOUDFLARE_BASE_URL: expected a URL without user",
            ),
        ];
        for (variables, expected) in cases {
            let errors = load_with(variables, Secrets::Check).unwrap_err();
            let last = errors.lines().last().unwrap();
            let found = last.strip_prefix("built-in configuration: ").unwrap();
            assert!(found.starts_with(expected), "{variables:?}: {errors}");
            assert!(!errors.contains("s3c"), "{errors}");
        }
    }

    #[test]
    fn hiding_the_name_of_a_file_leaves_other_words_unchanged() {
        assert_eq!(
            in_variables(
                "account.api_token_file: file token: expected an API token, found nothing",
                Some("token")
            ),
            "CLOUDFLARE_API_TOKEN_FILE: file (name hidden): expected an API token, found nothing"
        );
    }

    #[test]
    fn a_missing_token_and_a_wrong_base_url_are_reported_together() {
        let errors = load_with(&[(BASE_URL, "nowhere")], Secrets::Check).unwrap_err();
        assert_eq!(errors.lines().count(), 2, "{errors}");
        assert!(
            errors.contains(NO_TOKEN) && errors.contains("CLOUDFLARE_BASE_URL = \"nowhere\""),
            "{errors}"
        );
        assert!(load_with(&[], Secrets::Skip).is_ok());
    }
}
