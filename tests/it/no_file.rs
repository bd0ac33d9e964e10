//! The program without a configuration file, and the variables that stand in for options.

use std::process::{Command, Output};

use crate::support::program::{Folder, PROGRAM, Running, TOKEN, config, simulate, text};

const NOWHERE: &str = "/nonexistent/config.toml";

/// The program with these variables and no others.
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

    // the token that it starts with was read by then
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
fn without_a_token_the_error_says_how_to_give_one_and_how_to_do_without() {
    let error = "error: built-in configuration: no API token: set CLOUDFLARE_API_TOKEN to the token, or \
        CLOUDFLARE_API_TOKEN_FILE to the path of a file that holds it; or name a configuration file with --config. \
        Without an account, `cloudflare-aop-exporter demo` serves a simulated one, and \
        `cloudflare-aop-exporter simulate` is a simulated API\n";
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
fn a_default_file_that_is_wrong_is_an_error_and_not_passed_over() {
    let folder = Folder::new();
    let default = folder.write("config.toml", "colour = 1\n");
    let output = run(&default, "check", &[("CLOUDFLARE_API_TOKEN", TOKEN)]);
    assert!(text(&output.stderr).contains(&format!("{default}:1: colour: unknown key")));
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn variables_stand_in_for_options_that_are_not_given() {
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
fn help_names_variables_without_their_values_and_hides_what_only_tests_use() {
    let variables = [("AOP_LISTEN", "127.0.0.1:4711"), ("AOP_CONFIG", "hidden"), ("AOP_LOG_LEVEL", "error")];
    let help = run(NOWHERE, "serve --help", &variables);
    let help = text(&help.stdout);
    for name in ["AOP_CONFIG", "AOP_LISTEN", "AOP_LOG_LEVEL", "AOP_LOG_FORMAT"] {
        assert!(help.contains(&format!("[env: {name}]")), "{help}");
    }
    assert!(!help.contains("4711") && !help.contains("hidden") && !help.contains("default-config"), "{help}");
}

#[test]
fn reading_commands_use_the_default_file_and_changes_the_token_of_the_environment() {
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
fn a_check_needs_nothing_but_a_token_and_one_that_sees_no_zone_is_unknown() {
    let api = simulate();
    let base_url = format!("http://{}/client/v4", api.address);
    let variables = [("CLOUDFLARE_API_TOKEN", TOKEN), ("CLOUDFLARE_BASE_URL", base_url.as_str())];
    let output = run(NOWHERE, "check", &variables);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(" intranet.example.com "), "{}", text(&output.stdout));
    let output = run(NOWHERE, "check --hostname www.example.org", &variables);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), 2);
    let output = run(NOWHERE, "check --zone nowhere.example", &variables);
    assert!(text(&output.stderr).ends_with("error: --zone: the token sees no active zone nowhere.example\n"));
    assert_eq!(output.status.code(), Some(3));

    api.request_with("PUT", &format!("/_simulator/tokens/{TOKEN}"), r#"{"permissions":["ssl_read"]}"#);
    let output = run(NOWHERE, "check", &variables);
    let errors = text(&output.stderr);
    assert!(errors.contains("the token needs the permission"), "{errors}");
    assert!(errors.ends_with("error: the patterns match no active zone that the token sees\n"), "{errors}");
    assert_eq!(output.status.code(), Some(3));
}
