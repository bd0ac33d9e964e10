//! Tests of `hostname` with its own token, given by `--token-file` or `--token-env`.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Output;

use crate::support::program::{Folder, Running, TOKEN, program, simulate, text};

/// A simulated API, and a configuration whose accounts have no usable token.
struct Setup {
    api: Running,
    folder: Folder,
}

impl Setup {
    fn new() -> Self {
        let (api, folder) = (simulate(), Folder::new());
        folder.write("token", &format!("{TOKEN}\n"));
        folder.write("read-only", "a-token-that-may-only-read");
        Self { api, folder }
    }

    fn base_url(&self) -> String {
        format!("http://{}/client/v4", self.api.address)
    }

    /// Writes a configuration in which each of two accounts has a zone; these lines are for the first one.
    fn config(&self, first: &str) {
        let account = |name: &str, token: &str, zone: &str| {
            format!(
                "[[account]]\nname = \"{name}\"\n{token}\nbase_url = \"{}\"\n\
                 [[account.zone]]\nname = \"{zone}\"\nhostnames = [\"app.{zone}\"]\n",
                self.base_url()
            )
        };
        let second = account("second", "api_token_env = \"UNSET\"", "example.org");
        self.folder.write("aop.toml", &(account("first", first, "example.com") + &second));
    }

    /// Runs `hostname` in the folder of the configuration.
    fn run(&self, arguments: &str) -> Output {
        let mut command = program(&["hostname"]);
        command.args(arguments.split_whitespace()).current_dir(self.folder.0.path());
        let output = command.env("EDIT_TOKEN", TOKEN).env("EMPTY", " ").output().unwrap();
        let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(!printed.contains(TOKEN) && !printed.contains("may-only-read"), "{printed}");
        output
    }
}

#[test]
fn a_given_token_replaces_the_accounts_token() {
    let setup = Setup::new();
    let get = "get app.example.com --zone example.com --config aop.toml";
    setup.config("api_token_file = \"read-only\"");
    assert_eq!(setup.run(get).status.code(), Some(1));
    // only the daemon can read the second file
    for first in ["api_token_file = \"read-only\"", "api_token_file = \"/run/credentials/aop/token\""] {
        setup.config(first);
        for given in ["--token-file token", "--token-env EDIT_TOKEN"] {
            let output = setup.run(&format!("{get} {given}"));
            assert_eq!(output.status.code(), Some(0), "{first} {given}: {}", text(&output.stderr));
            let output = setup.run(&format!("list --zone example.org --config aop.toml {given}"));
            assert_eq!(output.status.code(), Some(0), "{first} {given}: {}", text(&output.stderr));
        }
    }

    let change = "disable app.example.com --yes --zone example.com --config aop.toml --token-file token";
    let output = setup.run(change);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    let base_url = setup.base_url();
    let output = setup
        .run(&format!("get app.example.com --zone example.com --base-url {base_url} --token-env EDIT_TOKEN"));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn with_a_given_token_the_rest_of_the_configuration_is_still_checked() {
    let setup = Setup::new();
    setup.config("api_token_file = \"token\"\nca_file = \"missing.pem\"");
    let output = setup.run("get app.example.com --zone example.com --config aop.toml --token-file token");
    let error = text(&output.stderr);
    assert!(error.contains("account.ca_file") && error.contains("missing.pem cannot be read"), "{error}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_given_token_that_cannot_be_read_is_an_error_that_names_its_source() {
    let setup = Setup::new();
    setup.config("api_token_file = \"token\"");
    fs::write(setup.folder.path("empty"), "\n").unwrap();
    fs::write(setup.folder.path("binary"), [0xff, 0xfe]).unwrap();
    symlink("missing", setup.folder.path("link")).unwrap();
    for (given, expected) in [
        ("--token-file missing", "--token-file: file missing cannot be read: No such file or directory"),
        ("--token-file link", "--token-file: file link cannot be read: No such file or directory"),
        ("--token-file empty", "--token-file: file empty: expected an API token, found nothing"),
        (
            "--token-file binary",
            "--token-file: file binary: expected an API token of visible ASCII characters",
        ),
        (
            "--token-env UNSET",
            "--token-env: expected a token in the environment variable UNSET, which is not set",
        ),
        (
            "--token-env EMPTY",
            "--token-env: environment variable EMPTY: expected an API token, found nothing",
        ),
        // a token given as a name is not repeated
        (
            &format!("--token-env {TOKEN}"),
            "--token-env: expected a token in the environment variable (name hidden)",
        ),
    ] {
        let output = setup.run(&format!("get app.example.com --zone example.com --config aop.toml {given}"));
        let error = text(&output.stderr);
        assert!(error.starts_with(&format!("error: {expected}")), "{given}: {error}");
        assert_eq!(output.status.code(), Some(1), "{given}");
    }
    let both = "get app.example.com --zone example.com --token-file token --token-env EDIT_TOKEN";
    assert_eq!(setup.run(both).status.code(), Some(2));
}
