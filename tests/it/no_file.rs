//! Tests without a configuration file, and of the variables that replace options.

use std::process::{Command, Output};

use crate::support::program::{Folder, PROGRAM, Running, TOKEN, config, simulate, text};

const NOWHERE: &str = "/nonexistent/config.toml";

/// Returns the program with these variables and no others.
fn program(default_config: &str, arguments: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments.split_whitespace()).args(["--default-config", default_config]);
    command.env_clear().envs(variables.iter().copied());
    command
}

fn run(default_config: &str, arguments: &str, variables: &[(&str, &str)]) -> Output {
    program(default_config, arguments, variables).output().unwrap()
}

#[test]
fn serve_without_a_file_uses_the_account_of_the_environment_and_says_so() {
    let api = simulate();
    let base_url = format!("http://{}/client/v4", api.address);
    let variables =
        [("CLOUDFLARE_API_TOKEN", TOKEN), ("CLOUDFLARE_BASE_URL", &base_url), ("AOP_LISTEN", ":0")];
    let serve = Running::start_command(&mut program(NOWHERE, "serve --listen 127.0.0.1:0", &variables));
    serve.until("/metrics", "cloudflare_aop_api_token_valid{account=\"default\"} 1\n");
    let logs = serve.read("err");
    assert!(logs.contains(" config=built in, token from CLOUDFLARE_API_TOKEN "), "{logs}");
    assert!(serve.get("/api/v1/status").contains("\"configuration\":{\"file\":null,"));
    assert!(serve.get("/").contains("<dd>no file, in force since "));
}

#[test]
fn a_reload_without_a_file_reads_the_token_file_again() {
    let (api, folder) = (simulate(), Folder::new());
    let (base_url, token) =
        (format!("http://{}/client/v4", api.address), folder.write("token", "an-old-token"));
    let variables = [
        ("CLOUDFLARE_API_TOKEN_FILE", token.as_str()),
        ("CLOUDFLARE_BASE_URL", &base_url),
        ("AOP_LISTEN", "127.0.0.1:0"),
    ];
    let serve = Running::start_command(&mut program(NOWHERE, "serve", &variables));
    let logs = serve.read("err");
    assert!(logs.contains(" config=built in, token from CLOUDFLARE_API_TOKEN_FILE "), "{logs}");

    // by now, the first token has been read
    serve.get("/-/healthy");
    folder.write("token", "");
    serve.signal("HUP");
    let error = format!("CLOUDFLARE_API_TOKEN_FILE: file {token}: expected an API token, found nothing");
    serve.wait_for(|serve| serve.read("err").contains(&error));
    folder.write("token", TOKEN);
    serve.signal("HUP");
    serve.until("/metrics", "cloudflare_aop_api_token_valid{account=\"default\"} 1\n");
    serve.until("/metrics", "cloudflare_aop_exporter_config_last_reload_successful 1\n");
}

#[test]
fn without_a_token_the_error_says_how_to_set_one_and_names_the_demo() {
    let error = "error: built-in configuration: no API token: set CLOUDFLARE_API_TOKEN to the token, or \
        CLOUDFLARE_API_TOKEN_FILE to the path of a file that holds it; or name a configuration file with --config. \
        Without an account, `cloudflare-aop-exporter demo` serves a simulated one, and \
        `cloudflare-aop-exporter simulate` runs a simulated API\n";
    let list = "hostname list --zone example.com";
    for (arguments, code) in [("serve", 78), ("check", 3), ("config check", 1), (list, 1)] {
        let output = run(NOWHERE, arguments, &[]);
        assert_eq!(text(&output.stderr), error, "{arguments}");
        assert_eq!(output.status.code(), Some(code), "{arguments}");
    }
}

#[test]
fn config_check_says_which_configuration_would_be_used() {
    let folder = Folder::new();
    let [named, variable, default] = ["named", "variable", "default"]
        .map(|name| folder.write(name, &config("127.0.0.1:1", "\"a.example.com\"")));
    let ok = "ok: accounts: 1, zones: 1, hostnames: 1\n";
    let check = |arguments: &str, default: &str, variables: &[(&str, &str)]| {
        let token = [("AOP_TOKEN", TOKEN), ("CLOUDFLARE_API_TOKEN", TOKEN)];
        let output = run(default, &format!("config check {arguments}"), &[&token, variables].concat());
        assert_eq!(text(&output.stderr), "");
        text(&output.stdout).to_owned()
    };
    let environment = [("AOP_CONFIG", variable.as_str())];
    assert_eq!(check(&format!("--config {named}"), &default, &environment), ok);
    assert_eq!(check("", &default, &environment), format!("configuration: {variable}\n{ok}"));
    assert_eq!(check("", &default, &[("AOP_CONFIG", "")]), format!("configuration: {default}\n{ok}"));
    assert_eq!(
        check("", NOWHERE, &[]),
        "configuration: built in, token from CLOUDFLARE_API_TOKEN\n\
         ok: accounts: 1, zones: 0, patterns: 1, hostnames: 0\n"
    );
}

#[test]
fn an_invalid_default_file_is_an_error_and_not_ignored() {
    let folder = Folder::new();
    let default = folder.write("config.toml", "colour = 1\n");
    let output = run(&default, "check", &[("CLOUDFLARE_API_TOKEN", TOKEN)]);
    assert!(text(&output.stderr).contains(&format!("{default}:1: colour: unknown key")));
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn variables_replace_missing_options() {
    let (api, folder) = (simulate(), Folder::new());
    let path = folder.write(
        "aop.toml",
        &config(&api.address, "\"app.example.com\"").replace("127.0.0.1:0", "nowhere.invalid:1"),
    );
    let state = folder.path("state.json");
    let variables = [
        ("AOP_TOKEN", TOKEN),
        ("AOP_CONFIG", path.as_str()),
        ("AOP_LISTEN", "127.0.0.1:0"),
        ("AOP_LOG_LEVEL", "debug"),
        ("AOP_LOG_FORMAT", "json"),
        ("AOP_STATE_FILE", state.to_str().unwrap()),
    ];
    let serve = Running::start_command(&mut program(NOWHERE, "serve", &variables));
    serve.until(
        "/metrics",
        "cloudflare_aop_hostname_up{zone=\"example.com\",hostname=\"app.example.com\"} 1\n",
    );
    serve.wait_for(|_| state.exists());
    let logs = serve.read("err");
    assert!(logs.lines().all(|line| line.starts_with('{')), "{logs}");
    assert!(logs.contains("\"level\":\"DEBUG\""), "{logs}");
    assert!(logs.contains(&format!("\"config\":\"{path}\"")), "{logs}");

    let mut given =
        program(NOWHERE, "serve --log-level error --log-format text --listen nowhere", &variables);
    let output = given.output().unwrap();
    assert!(text(&output.stderr).contains("invalid value 'nowhere' for '--listen <ADDRESS>'"));
    let given = program(NOWHERE, "serve --log-level info --log-format text", &variables);
    let logs = Running::start_command(&mut { given }).read("err");
    assert!(logs.contains(" INFO ") && !logs.contains("DEBUG"), "{logs}");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let names = ["AOP_CONFIG", "AOP_LISTEN", "AOP_LOG_LEVEL", "AOP_LOG_FORMAT"].map(|name| (name, ""));
    let output = run(NOWHERE, "serve", &names);
    assert_eq!(output.status.code(), Some(78), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("no API token"), "{}", text(&output.stderr));
}

#[test]
fn help_names_variables_without_their_values_and_hides_options_for_tests() {
    let variables = [("AOP_LISTEN", "127.0.0.1:4711"), ("AOP_CONFIG", "hidden"), ("AOP_LOG_LEVEL", "error")];
    let help = run(NOWHERE, "serve --help", &variables);
    let help = text(&help.stdout);
    for name in ["AOP_CONFIG", "AOP_LISTEN", "AOP_LOG_LEVEL", "AOP_LOG_FORMAT"] {
        assert!(help.contains(&format!("[env: {name}]")), "{help}");
    }
    assert!(!help.contains("4711") && !help.contains("hidden") && !help.contains("default-config"), "{help}");
}

#[test]
fn commands_that_read_use_the_default_file_and_changes_use_the_token_of_the_environment() {
    let (api, folder) = (simulate(), Folder::new());
    let default = folder.write("config.toml", &config(&api.address, "\"app.example.com\""));
    let base_url = format!("http://{}/client/v4", api.address);
    let daemon = [("AOP_TOKEN", TOKEN)];
    let own = [("CLOUDFLARE_API_TOKEN", TOKEN), ("CLOUDFLARE_BASE_URL", &base_url)];
    let code = |arguments: &str, variables: &[(&str, &str)]| {
        let output = run(&default, &format!("hostname {arguments} --zone example.com"), variables);
        (output.status.code().unwrap(), text(&output.stderr).to_owned())
    };
    for arguments in ["list", "get app.example.com", "list --account default"] {
        assert_eq!(code(arguments, &daemon), (0, String::new()), "{arguments}");
        assert!(code(arguments, &own).1.contains("AOP_TOKEN, which is not set"), "{arguments}");
    }
    let disable = "disable app.example.com --dry-run";
    assert_eq!(code(disable, &own), (0, String::new()));
    assert!(code(disable, &daemon).1.contains("set CLOUDFLARE_API_TOKEN to the token"));
    assert_eq!(code(disable, &[daemon[0], ("AOP_CONFIG", &default)]), (0, String::new()));
}

#[test]
fn a_check_needs_only_a_token_and_is_unknown_if_the_token_sees_no_zone() {
    let api = simulate();
    let base_url = format!("http://{}/client/v4", api.address);
    let variables = [("CLOUDFLARE_API_TOKEN", TOKEN), ("CLOUDFLARE_BASE_URL", base_url.as_str())];
    let output = run(NOWHERE, "check", &variables);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(" intranet.example.com "), "{}", text(&output.stdout));
    let output = run(NOWHERE, "check --hostname www.example.org", &variables);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), 2);
    let zones = api.get("/_simulator/zones");
    let id = zones.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap();
    let output = run(NOWHERE, &format!("check --zone {id}"), &variables);
    let all = run(NOWHERE, "check", &variables);
    let (some, all) = (text(&output.stdout).lines().count(), text(&all.stdout).lines().count());
    assert!((2..all).contains(&some), "{some} of {all}: {}", text(&output.stderr));
    let output = run(NOWHERE, "check --zone nowhere.example", &variables);
    assert!(!text(&output.stderr).contains("patterns"), "{}", text(&output.stderr));
    assert!(text(&output.stderr).ends_with("error: --zone: the token sees no active zone nowhere.example\n"));
    assert_eq!(output.status.code(), Some(3));

    api.request_with("PUT", &format!("/_simulator/tokens/{TOKEN}"), r#"{"permissions":["ssl_read"]}"#);
    let output = run(NOWHERE, "check", &variables);
    let errors = text(&output.stderr);
    assert!(errors.contains("the token needs the permission"), "{errors}");
    assert!(errors.ends_with("error: the patterns match no active zone that the token sees\n"), "{errors}");
    assert_eq!(output.status.code(), Some(3));
}

/// Makes the simulated API refuse GETs whose path contains `path`.
fn refuse(api: &Running, path: &str) {
    let effect = r#"{"status":{"status":403,"code":10000}}"#;
    let fault = format!(r#"{{"method":"GET","path":"{path}","effect":{effect}}}"#);
    let answer = api.request_with("POST", "/_simulator/faults", &fault);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn hostname_list_without_a_zone_shows_all_zones_and_the_reason_for_unread_ones() {
    let api = simulate();
    let base_url = format!("http://{}/client/v4", api.address);
    let variables = [("CLOUDFLARE_API_TOKEN", TOKEN), ("CLOUDFLARE_BASE_URL", base_url.as_str())];
    let list = |arguments: &str| {
        let output = run(NOWHERE, &format!("hostname list {arguments}"), &variables);
        (output.status.code(), text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
    };
    let (code, whole, errors) = list("");
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(whole.lines().next().unwrap())[..3], ["VERDICT", "ZONE", "HOSTNAME"]);
    assert_eq!(whole.lines().count(), 1 + 19);
    let (_, one, _) = list("--zone example.com");
    // compared without the time left, which changes between the two runs
    let cells = |line| words(line).into_iter().take_while(|word| !word.starts_with('(')).collect::<Vec<_>>();
    let same: Vec<_> = whole.lines().filter(|line| line.contains(" example.com ")).map(cells).collect();
    let with_zone = |line| [&cells(line)[..1], &["example.com".to_owned()], &cells(line)[1..]].concat();
    assert_eq!(same, one.lines().skip(1).map(with_zone).collect::<Vec<_>>(), "what --zone shows");

    let named = api.read("out");
    let id = named.lines().find_map(|line| line.strip_suffix("  shop.example")).unwrap().trim();
    refuse(&api, &format!("/zones/{id}/"));
    let (code, table, _) = list("");
    assert_eq!(code, Some(3));
    let rows: Vec<_> = table.lines().map(words).filter(|row| row[1] == "shop.example").collect();
    assert_eq!(rows.len(), 1, "{table}");
    assert_eq!(rows[0][..4], ["unknown", "shop.example", "-", "-"]);
    assert!(table.contains(" not read: the token lacks a permission\n"), "{table}");
    assert_eq!(table.lines().count(), 1 + 13 + 1, "the other zones are listed");

    let (code, json, _) = list("--format json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let rows = json.as_array().unwrap();
    assert_eq!((code, rows.len()), (Some(3), 14));
    assert!(rows.iter().all(|row| row["account"] == "default" && row["zone"].is_string()), "{json}");
    let unread = rows.iter().find(|row| row["zone"] == "shop.example").unwrap();
    assert_eq!((unread["hostname"].is_null(), &unread["verdict"]), (true, &"unknown".into()));
    assert_eq!(unread["findings"][0]["finding"], "not_read");
    let read = rows.iter().find(|row| row["hostname"] == "intranet.example.com").unwrap();
    assert_eq!((&read["zone"], &read["verdict"]), (&"example.com".into(), &"critical".into()));

    refuse(&api, "/zones?");
    let (code, table, _) = list("");
    let row = "unknown account default - - - - - - its zones are not listed: the token lacks a permission";
    assert_eq!((code, words(table.lines().nth(1).unwrap()).join(" ").as_str()), (Some(3), row), "{table}");
    api.request("DELETE", "/_simulator/faults");
    api.request_with("PUT", &format!("/_simulator/tokens/{TOKEN}"), r#"{"permissions":["ssl_read"]}"#);
    let (code, table, errors) = list("");
    assert_eq!((code, table.as_str()), (Some(3), ""));
    assert!(errors.ends_with("error: the patterns match no active zone that the token sees\n"), "{errors}");
}

#[test]
fn hostname_list_without_a_zone_reads_the_named_account_and_judges_by_the_configuration() {
    let (api, folder) = (simulate(), Folder::new());
    let account = |name: &str, zone: &str| {
        let (token, url) = ("api_token_env = \"AOP_TOKEN\"", format!("http://{}/client/v4", api.address));
        format!("[[account]]\nname = \"{name}\"\n{token}\nbase_url = \"{url}\"\n[[account.zone]]\n{zone}\n")
    };
    let named = "name = \"example.com\"\nhostnames = [\"legacy.example.com\", \"staging.example.com\"]";
    let found = "name = \"*.org\"\ndiscovered_expect = \"disabled\"";
    let path = folder.write("aop.toml", &(account("one", named) + &account("two", found)));
    let list = |arguments: &str, token: &str| {
        let arguments = format!("hostname list --config {path} {arguments}");
        let output = run(NOWHERE, &arguments, &[("AOP_TOKEN", token), ("OTHER", TOKEN)]);
        let said = [&output.stdout, &output.stderr].map(|said| text(said).to_owned()).concat();
        (output.status.code(), said)
    };
    let (code, both) = list("", TOKEN);
    assert_eq!((code, both.lines().count()), (Some(0), 1 + 6 + 7), "{both}");
    assert!(both.contains(" expected enabled, is disabled\n"), "{both}");
    assert!(both.contains(" expected disabled, is enabled\n"), "{both}");
    assert_eq!(list("--account two", TOKEN).1.lines().count(), 1 + 7);
    let (code, one) = list("--zone example.org", TOKEN);
    let drifted = |table: &str| table.matches(" expected disabled, is enabled").count();
    assert_eq!(
        (code, drifted(&one)),
        (Some(0), drifted(&both)),
        "the account and the verdicts of its pattern"
    );
    let unknown = "error: --account: the configuration has no account three; it has one, two\n";
    assert_eq!(list("--account three", TOKEN), (Some(1), unknown.to_owned()));
    let several = "error: --account: the configuration has several accounts; choose one of one, two\n";
    assert_eq!(list("--token-env OTHER", "wrong"), (Some(1), several.to_owned()));
    assert_eq!(list("--token-env OTHER --account one", "wrong").0, Some(0));
    let (code, refused) = list("", "wrong");
    assert_eq!(code, Some(3));
    assert!(refused.contains(" account two ") && refused.contains(" example.com "), "{refused}");
    assert!(!refused.contains("staging"), "one row says that a zone was not read: {refused}");
}
