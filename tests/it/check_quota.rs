//! Tests of `check` with a quota too small to read everything.

use std::process::{Command, Output};

use crate::support::program::{Folder, PROGRAM, Running, TOKEN, text};

/// Starts an API with this many zones. Like Cloudflare, it limits the request rate and blocks clients that exceed it.
fn account(zones: &str) -> Running {
    let api = Running::start(&["simulate", "--listen", "127.0.0.1:0", "--token", TOKEN, "--zones", zones]);
    let limit = r#"{"requests":1200,"per_seconds":300,"block_seconds":300}"#;
    api.request_with("PUT", "/_simulator/rate-limit", limit);
    api
}

/// Checks the zones that match a pattern.
fn check(api: &Running, pattern: &str, more: &[&str]) -> Output {
    let folder = Folder::new();
    let content = format!(
        "[[account]]\napi_token_env = \"AOP_TOKEN\"\nbase_url = \"http://{}/client/v4\"\n\
         [[account.zone]]\nname = \"{pattern}\"\nzone_level = true\n",
        api.address
    );
    let path = folder.write("aop.toml", &content);
    let mut command = Command::new(PROGRAM);
    command.args(["check", "--config", &path]).args(more).env("AOP_TOKEN", TOKEN).output().unwrap()
}

/// Returns the number of requests sent.
fn requests(api: &Running) -> usize {
    let counted: serde_json::Value = {
        let answer = api.get("/_simulator/requests");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    usize::try_from(counted["total"].as_u64().unwrap()).unwrap()
}

/// Returns the findings in the rows about this kind of subject.
fn findings(output: &Output, subject: &str) -> Vec<String> {
    let rows = text(&output.stdout).lines().filter(|row| row.split_whitespace().nth(1) == Some(subject));
    rows.map(|row| row.rsplit("  ").next().unwrap_or_default().trim().to_owned()).collect()
}

/// Returns the line about parts that were not read.
fn not_read(output: &Output) -> &str {
    let start = "error: not read for lack of quota or time: ";
    text(&output.stderr).lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default()
}

const UNSENT: &str = "no request was sent for lack of quota or time";

#[test]
fn a_check_of_300_zones_reads_all_hostnames_and_names_what_was_not_read() {
    let api = account("300");
    let output = check(&api, "*", &[]);
    let errors = text(&output.stderr);
    assert_eq!(findings(&output, "hostname").len(), 79, "{errors}");
    assert!((590..=600).contains(&requests(&api)), "{}", requests(&api));
    assert!(errors.contains(" requests, and rate_limit (600 in 5m) leaves "), "{errors}");
    assert!(not_read(&output).starts_with("the zone level of "), "{errors}");
    assert!(not_read(&output).contains(", the settings of "), "{errors}");
    assert_eq!(findings(&output, "account"), [""; 0], "its zones were read");
    let zones = findings(&output, "zone");
    assert!(zones.len() > 100, "{zones:?}");
    let left_out = format!("zone level not read: {UNSENT}");
    assert!(zones.iter().all(|zone| zone.contains(&left_out) || zone.contains("SSL mode")), "{zones:?}");
}

#[test]
fn a_check_that_only_misses_settings_is_unknown_unless_something_is_worse() {
    let api = account("180");
    let output = check(&api, "zone-*", &[]);
    let errors = text(&output.stderr);
    assert!(not_read(&output).starts_with("the settings of "), "{errors}");
    assert_eq!(findings(&output, "zone"), [""; 0], "a token need not be allowed to read settings");
    assert_eq!(output.status.code(), Some(3), "{errors}{}", text(&output.stdout));
}

#[test]
fn a_check_of_more_zones_than_the_quota_allows_reads_as_many_associations_as_possible() {
    let api = account("640");
    let output = check(&api, "zone-*", &["--exit-zero"]);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(findings(&output, "hostname").len() > 80, "{errors}");
    assert!((590..=600).contains(&requests(&api)), "{}", requests(&api));
    let not_read = not_read(&output);
    assert!(
        not_read.starts_with("the associations of ") && not_read.contains("the zone level of "),
        "{errors}"
    );
    assert_eq!(findings(&output, "account"), [""; 0], "its zones were read");
    let zones = findings(&output, "zone");
    let associations = zones.iter().filter(|zone| **zone == format!("not read: {UNSENT}")).count();
    assert!((634 - 600..634 - 600 + 160).contains(&associations), "{associations}: {errors}");
    assert!(!text(&output.stdout).contains("no answer came in time"), "{zones:?}");
}
