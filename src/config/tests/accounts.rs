//! Accounts: their settings, tokens and quotas.

use super::*;

#[test]
fn an_invalid_setting_of_an_account_is_reported_with_its_line() {
    let cases = [
        ("id = \"abc\"", "2: account.id = \"abc\": expected an account id of 32 hexadecimal digits"),
        (
            "name = \"a b\"",
            "2: account.name = \"a b\": expected a name of 1 to 64 letters, digits, '.', '_' and '-'",
        ),
        (
            "quota = \"\"",
            "2: account.quota = \"\": expected a name of 1 to 64 letters, digits, '.', '_' and '-'",
        ),
        ("timeout = \"0s\"", "2: account.timeout = \"0s\": expected a duration of 1ms to 10m, such as 30s"),
        ("timeout = \"1h\"", "2: account.timeout = \"1h\": expected a duration of 1ms to 10m, such as 30s"),
        (
            "timeout = 30",
            "2: account.timeout = 30: expected a duration of 1ms to 10m, such as 30s; write \"30s\"",
        ),
        (
            "max_concurrent_requests = 0",
            "2: account.max_concurrent_requests = 0: expected a whole number of 1 to 256",
        ),
        (
            "max_concurrent_requests = \"8\"",
            "2: account.max_concurrent_requests = \"8\": expected a whole number of 1 to 256; write 8",
        ),
        (
            "rate_limit = { requests = 0, per = \"5m\" }",
            "2: account.rate_limit.requests = 0: expected a whole number of 1 to 4294967295",
        ),
        (
            "rate_limit = { requests = 1, per = \"2d\" }",
            "2: account.rate_limit.per = \"2d\": expected a duration of 1s to 24h, such as 5m",
        ),
        ("rate_limit = { requests = 1 }", "2: account.rate_limit: expected both requests and per"),
        (
            "rate_limit = 600",
            "2: account.rate_limit = 600: expected a table, [account.rate_limit]; \
             write rate_limit = { requests = 600, per = \"5m\" }",
        ),
        (
            "base_url = \"http://api.cloudflare.com/client/v4\"",
            "2: account.base_url = \"http://api.cloudflare.com/client/v4\": \
             expected https, or http to a loopback address such as 127.0.0.1; write \"https://api.cloudflare.com/client/v4\"",
        ),
        ("ca_file = \"\"", "2: account.ca_file = \"\": expected the path of a file"),
        (
            "ca_file = \"missing.pem\"",
            "2: account.ca_file = \"missing.pem\": \
             file dir/missing.pem cannot be read: No such file or directory (os error 2)",
        ),
    ];
    assert_errors(&cases, |text| format!("[[account]]\n{text}\n{REST}"));
}

#[test]
fn a_missing_token_is_named_and_no_secret_is_printed() {
    let cases = [
        (
            "api_token = \"s3cret\"",
            "2: account.api_token: unknown key; a token is never written in this file: \
             name its file with api_token_file, or its variable with api_token_env",
        ),
        (
            "token = \"s3cret\"",
            "2: account.token: unknown key; a token is never written in this file: \
             name its file with api_token_file, or its variable with api_token_env",
        ),
        ("token = s3cret", "2: string values must be quoted, expected literal string"),
        (
            "base_url = \"https://user:s3cret@api.cloudflare.com\"",
            "2: account.base_url: expected a URL without user, password, query and fragment",
        ),
        (
            "api_token_file = \"missing\"",
            "2: account.api_token_file: file dir/missing cannot be read: No such file or directory (os error 2)",
        ),
        ("api_token_file = [\"s3cret\"]", "2: account.api_token_file: expected the path of a file"),
        (
            "api_token_env = \"MISSING\"",
            "2: account.api_token_env: expected a token in the environment variable MISSING, which is not set",
        ),
        (
            "api_token_env = \"EMPTY\"",
            "2: account.api_token_env: environment variable EMPTY: expected an API token, found nothing",
        ),
        (
            "api_token_env = \"SPACED\"",
            "2: account.api_token_env: environment variable SPACED: \
             expected an API token of visible ASCII characters, found others",
        ),
        (
            "api_token_env = \"s3cret\"",
            "2: account.api_token_env: \
             expected a token in the environment variable (name hidden), which is not set",
        ),
        (
            "api_token_env = \"s3c-ret\"",
            "2: account.api_token_env: expected the name of the environment variable that holds the token",
        ),
        (
            "api_token_env = \"OTHER\"\napi_token_file = \"x\"",
            "2: account.api_token_env: expected either api_token_file or api_token_env, found both",
        ),
    ];
    assert_errors(&cases, |text| format!("[[account]]\n{text}\n{REST}"));

    let text = format!("[[account]]\n{REST}");
    let unset = Config::parse(&text, Path::new("x.toml"), Secrets::Check, &|_| None, &mut Files::default())
        .unwrap_err();
    assert_eq!(
        unset.to_string(),
        "x.toml:1: account: expected a token in the environment variable CLOUDFLARE_API_TOKEN, \
         which is not set; set it, or give api_token_file"
    );
}

#[test]
fn accounts_that_contradict_each_other_are_named() {
    let second = |text: &str| {
        format!(
            "[[account]]\n{REST}[[account]]\n{text}\n[[account.zone]]\nname = \"b.example\"\nhostnames = [\"b.example\"]"
        )
    };
    let cases = [
        ("", "5: account.name: expected a unique name; the account at line 1 is also named \"default\""),
        (
            "name = \"default\"",
            "6: account.name = \"default\": expected a unique name; the account at line 1 is also named \"default\"",
        ),
        (
            "name = \"b\"\nquota = \"default\"\nrate_limit = { requests = 5, per = \"1m\" }",
            "8: account.rate_limit = {…}: expected the rate_limit of the account at line 1, which has the same quota",
        ),
    ];
    assert_errors(&cases, second);
}
