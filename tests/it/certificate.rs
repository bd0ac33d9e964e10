//! Tests of the command `certificate`.

mod halts;
mod leaks;
mod lost;
mod origins;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::domain::{CertId, Level};
use cloudflare_aop_exporter::simulator::{Effect, Fault, Options, Permission, Scope, World};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::harness::{self, hostname, now};

const ZERO: Duration = Duration::ZERO;
const TOKEN: &str = "a-token-that-nobody-may-see";

struct Stage {
    api: harness::Api,
    folder: TempDir,
    old: CertId,
    zone_level: CertId,
    key: String,
}

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Stage {
    async fn new(deployment_delay: Duration) -> Self {
        let mut world = World::new(7, now()).unwrap();
        let zone = world.add_zone(&"example.com".parse().unwrap());
        let ends = Clock::system().now() + SignedDuration::from_hours(24 * 90);
        let old = zone.add_certificate(ends).unwrap();
        zone.associate(&hostname("a.example.com"), &old, Some(true)).unwrap();
        zone.associate(&hostname("b.example.com"), &old, Some(false)).unwrap();
        let zone_level = zone.add_certificate_at(Level::Zone, ends).unwrap();
        let options = Options { token: TOKEN.into(), deployment_delay, ..Options::default() };
        let api = harness::Api::start_with(world, &options).await;
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        fs::write(folder.path().join("client.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        let stage = Self { api, folder, old, zone_level, key: key.serialize_pem() };
        stage.write_key("client.key", &stage.key, 0o600);
        stage
    }

    fn write_key(&self, name: &str, text: &str, mode: u32) {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Returns the program with these arguments, in the folder of the key.
    fn command(&self, arguments: &str) -> Command {
        let mut command = self.plain_command(arguments);
        command.args(["--base-url", &self.api.base_url]);
        command
    }

    /// The same without `--base-url`, for arguments or a configuration that name the API.
    fn plain_command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloudflare-aop-exporter"));
        command.arg("certificate").args(arguments.split_whitespace());
        if !arguments.contains("--zone ") {
            command.args(["--zone", "example.com"]);
        }
        command.env("CLOUDFLARE_API_TOKEN", TOKEN).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    async fn run(&self, arguments: &str) -> Ran {
        self.ran(self.command(arguments)).await
    }

    async fn run_plainly(&self, arguments: &str) -> Ran {
        self.ran(self.plain_command(arguments)).await
    }

    async fn ran(&self, mut command: Command) -> Ran {
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        self.check_secrets(&format!("{out}{err}"));
        Ran { code: output.status.code(), out, err }
    }

    /// Asserts that the text contains neither the token nor any 16 consecutive characters of the key.
    fn check_secrets(&self, text: &str) {
        assert!(!text.contains(TOKEN), "{text}");
        let lines = self.key.lines().filter(|line| !line.starts_with('-'));
        // even if the key is broken into lines
        let text: String = text.split_whitespace().collect();
        for part in lines.collect::<String>().as_bytes().windows(16) {
            assert!(!text.contains(str::from_utf8(part).unwrap()), "{text}");
        }
    }

    fn count(&self, method: &str) -> u64 {
        self.api.simulator.requests().count(method, "")
    }
}

const PAIR: &str = "--cert client.pem --key client.key";

#[tokio::test]
async fn a_certificate_is_uploaded_once_listed_shown_and_deleted() {
    let stage = Stage::new(ZERO).await;
    let upload = format!("upload {PAIR} --yes");
    let first = stage.run(&upload).await;
    assert_eq!(first.code, Some(0), "{}", first.err);
    assert!(first.err.contains("upload  hostname certificate CN=rcgen self signed cert"), "{}", first.err);
    let again = stage.run(&upload).await;
    assert_eq!((again.code, &again.out), (Some(0), &first.out), "{}", again.err);
    assert!(again.err.contains("has this certificate already"), "{}", again.err);
    assert_eq!(stage.count("POST"), 1);

    let listed = stage.run("list").await.out;
    let used = listed.lines().find(|line| line.contains(stage.old.as_str())).unwrap();
    assert!(used.contains("2/100") && used.starts_with(" ok"), "{listed}");
    assert!(listed.lines().any(|line| line.contains(" zone ")), "{listed}");
    let rows: Value = serde_json::from_str(&stage.run("list --format json").await.out).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 3);
    assert_eq!((&rows[0]["account"], &rows[0]["hostnames"]), (&json!("default"), &json!(2)));
    let rows: Value = serde_json::from_str(&stage.run("list --format json --level zone").await.out).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 1);

    let id = first.out.trim();
    let shown = stage.run(&format!("get {id}")).await.out;
    assert!(shown.contains("CN=rcgen self signed cert") && shown.contains("0/100"), "{shown}");
    let refused = stage.run(&format!("delete {} --yes", stage.old)).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("is still associated with a.example.com, b.example.com"), "{}", refused.err);
    assert_eq!(stage.run(&format!("delete {id} --yes")).await.code, Some(0));
    let gone: Value = serde_json::from_str(&stage.run(&format!("get {id} --format json")).await.out).unwrap();
    assert_eq!(gone["status"], "deleted");
}

#[tokio::test]
async fn an_invalid_pair_is_refused_before_anything_is_sent() {
    let stage = Stage::new(ZERO).await;
    stage.write_key("open.key", &stage.key, 0o640);
    stage.write_key("huge.pem", &"A".repeat(1 << 17), 0o600);
    stage.write_key("other.key.pub", "no certificate", 0o600);
    let pipe = stage.folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, pipe, rustix::fs::Mode::RWXU).unwrap();
    stage.write_key("encrypted.key", &stage.key.replace("PRIVATE", "ENCRYPTED PRIVATE"), 0o600);
    stage.write_key("other.key", &rcgen::KeyPair::generate().unwrap().serialize_pem(), 0o600);
    for (arguments, expected) in [
        (
            "--cert client.pem --key open.key --yes",
            "other users may read the file (mode 0640): \"chmod 600\" it",
        ),
        ("--cert client.pem --key encrypted.key --yes", "the private key is encrypted"),
        ("--cert client.pem --key other.key --yes", "--cert client.pem: the private key does not belong to"),
        (
            "--cert client.pem --key client.pem --insecure-key-mode --yes",
            "expected a private key, found a certificate",
        ),
        ("--cert client.key --key client.key --yes", "--cert client.key: the file begins with a private key"),
        ("--cert none.pem --key client.key --yes", "--cert none.pem: No such file"),
        (
            "--cert huge.pem --key client.key --yes",
            "--cert huge.pem: expected a certificate with its chain, found more than",
        ),
        (
            "--cert other.key.pub --key client.key --yes",
            "--cert other.key.pub: certificate 1 of the file: expected a section \"-----BEGIN CERTIFICATE-----\", found none\n",
        ),
        ("--cert client.pem --key pipe --yes", "--key pipe: a pipe is read from standard input only"),
        ("--cert client.pem --key -", "the key comes from standard input, so confirmation is impossible"),
        ("--cert client.pem --key client.key", "standard input is not a terminal"),
    ] {
        let ran = stage.run(&format!("upload {arguments}")).await;
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        assert!(ran.err.contains(expected), "{}\n{expected}", ran.err);
    }
    assert_eq!(stage.api.simulator.requests().total(), 0);
    let taken = stage.run("upload --cert client.pem --key open.key --insecure-key-mode --yes").await;
    assert_eq!(taken.code, Some(0), "{}", taken.err);
}

#[tokio::test]
async fn a_rotation_shows_its_plan_and_carries_it_out() {
    let stage = Stage::new(ZERO).await;
    let rotate = format!("rotate {} {PAIR} --delete-old", stage.old);
    let plan = stage.run(&format!("{rotate} --dry-run")).await;
    assert_eq!(plan.code, Some(0), "{}", plan.err);
    for expected in [
        " at 127.0.0.1:",
        "Note: the issuer differs: CN=Simulated Origin Pull CA -> CN=rcgen self signed cert",
        "upload     the new certificate",
        &format!("associate  a.example.com  enabled with {} -> enabled with the new certificate", stage.old),
        &format!(
            "associate  b.example.com  disabled with {} -> disabled with the new certificate",
            stage.old
        ),
        &format!("delete     {}", stage.old),
        "the configuration names no origin",
    ] {
        assert!(plan.out.contains(expected), "{}\n{expected}", plan.out);
    }
    assert_eq!(stage.count("POST") + stage.count("PUT") + stage.count("DELETE"), 0);
    let done = stage.run(&format!("{rotate} --yes")).await;
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains(&format!("The old certificate {} is deleted.", stage.old)), "{}", done.out);
    let again = stage.run(&format!("{rotate} --yes")).await;
    assert_eq!(again.code, Some(0), "{}", again.err);
    assert!(again.err.contains("Nothing needs to change."), "{}", again.err);
    let writes = ["POST", "PUT", "DELETE"].map(|method| stage.count(method));
    assert_eq!(writes, [1, 1, 1]);
}

#[tokio::test]
async fn a_stopped_rotation_says_what_was_done_and_how_to_continue_and_go_back() {
    let stage = Stage::new(Duration::from_secs(3600)).await;
    let rotate = format!("rotate {} {PAIR} --yes", stage.old);
    let late = stage.run(&format!("{rotate} --wait-timeout 1s")).await;
    assert_eq!(late.code, Some(3), "{}", late.err);
    assert!(late.err.contains("is uploaded and not active yet"), "{}", late.err);
    assert!(late.err.contains("to associate: a.example.com, b.example.com"), "{}", late.err);
    let [on, back] = ["To continue:\n  ", "To go back:\n  "].map(|start| {
        let text = late.err.split(start).nth(1).unwrap();
        text.lines().next().unwrap().trim_start_matches("cloudflare-aop-exporter certificate ").to_owned()
    });
    assert!(on.starts_with(&format!("rotate {} --to ", stage.old)), "{on}");
    // the shown commands already name the zone and the API
    let words = |text: &str| text.split(" --zone ").next().unwrap().to_owned();
    let plan = stage.run(&format!("{} --dry-run", words(&on))).await;
    assert_eq!(plan.code, Some(0), "{}", plan.err);
    let undone = stage.run(&format!("{} --yes --wait-timeout 1s", words(&back))).await;
    assert_eq!(undone.code, Some(3), "{}", undone.err);
    assert!(
        undone.err.contains("Nothing was deleted: the certificate is still being deployed"),
        "{}",
        undone.err
    );
    assert_eq!(stage.count("DELETE"), 0);
}

#[tokio::test]
async fn a_certificate_that_is_still_being_deployed_is_deleted_afterwards() {
    let stage = Stage::new(Duration::from_secs(1)).await;
    let id = stage.run(&format!("upload {PAIR} --yes")).await.out;
    let deleted = stage.run(&format!("delete {} --yes", id.trim())).await;
    assert_eq!(deleted.code, Some(0), "{}", deleted.err);
    assert!(deleted.err.contains("Waiting until the certificate is deployed"), "{}", deleted.err);
    assert_eq!(stage.count("DELETE"), 1);
}

#[tokio::test]
async fn the_error_about_a_read_only_token_names_the_missing_permission() {
    let stage = Stage::new(ZERO).await;
    let read = Scope { permissions: vec![Permission::ZoneRead, Permission::SslRead], ..Scope::default() };
    stage.api.simulator.set_scope(TOKEN, read);
    let ran = stage.run(&format!("rotate {} {PAIR} --yes", stage.old)).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("lacks the permission \"SSL and Certificates Write\""), "{}", ran.err);
    assert!(ran.err.contains("nothing: the new certificate is not in Cloudflare's list"), "{}", ran.err);
    let ran = stage.run(&format!("rotate other-id {PAIR} --yes")).await;
    assert!(ran.err.contains("the zone has no hostname certificate other-id"), "{}", ran.err);
}

#[tokio::test]
async fn no_16_characters_of_the_key_are_shown_at_trace_level_whatever_repeats_them() {
    let stage = Stage::new(ZERO).await;
    let joined: String = stage.key.lines().filter(|line| !line.starts_with('-')).collect();
    let odd = &joined[20..56];
    let error = |text: &str| json!({"success": false, "errors": [{"code": 1400, "message": text}]});
    let certificate = json!({"success": true, "result": {"id": odd, "certificate": stage.key, "issuer": joined,
        "serial_number": stage.key, "status": joined, "private_key": stage.key}});
    let rows = json!({"success": true, "result": [{"id": odd, "certificate": stage.key, "issuer": joined,
        "serial_number": "1", "expires_on": joined, "status": "active"}]});
    for (method, status, body) in [
        ("POST", 400, error(&stage.key)),
        ("POST", 400, error(&joined)),
        ("POST", 500, error(&format!("sent {joined}"))),
        ("POST", 200, json!({"success": stage.key})),
        ("POST", 200, certificate),
        ("GET", 200, rows.clone()),
        ("GET", 403, error(&joined)),
    ] {
        for command in ["upload", &format!("rotate {}", stage.old)] {
            let effect = Effect::Json { status, body: body.clone() };
            let fault = Fault::new(effect).on_method(method).on_path("/hostnames/certificates");
            stage.api.simulator.add_fault(fault);
            // `run` searches all output for secrets
            let ran = stage.run(&format!("{command} {PAIR} --yes --log-level trace --timeout 3s")).await;
            assert!(ran.code.is_some());
            stage.api.simulator.clear_faults();
        }
    }
    for entry in fs::read_dir(stage.folder.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(["client.pem", "client.key"].contains(&&*name), "{name} was written");
    }
}

#[tokio::test]
async fn a_signal_stops_a_rotation_after_the_current_request() {
    let stage = Stage::new(ZERO).await;
    let fault = Fault::new(Effect::Delay { milliseconds: 1500 }).on_method("PUT");
    stage.api.simulator.add_fault(fault);
    let mut command = stage.command(&format!("rotate {} {PAIR} --yes --delete-old", stage.old));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = harness::soon();
    while stage.count("PUT") == 0 {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("Stopping after the current request"), "{err}");
    assert!(err.contains("To continue:") && err.contains("To go back:"), "{err}");
    assert_eq!(stage.count("DELETE"), 0);
    let rows = stage.run("list --format json").await.out;
    let rows: Value = serde_json::from_str(&rows).unwrap();
    let used = rows.as_array().unwrap().iter().find(|row| row["hostnames"] == json!(2)).unwrap();
    assert_ne!(used["cert_id"], json!(stage.old.as_str()), "the change was made");
}

#[tokio::test]
async fn the_plan_warns_if_a_proxy_may_see_the_key_and_shows_the_lines_that_pin_the_old_certificate() {
    let stage = Stage::new(ZERO).await;
    let config = format!(
        "[[account]]\nbase_url = \"{}\"\nca_file = \"client.pem\"\n[[account.zone]]\nname = \"example.com\"\n\
         hostnames = [\n  {{ name = \"a.example.com\", cert_id = \"{}\" }},\n]\n",
        stage.api.base_url, stage.old
    );
    fs::write(stage.folder.path().join("aop.toml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloudflare-aop-exporter"));
    let arguments =
        format!("certificate rotate {} {PAIR} --dry-run --zone example.com --config aop.toml", stage.old);
    command.args(arguments.split_whitespace()).env("CLOUDFLARE_API_TOKEN", TOKEN);
    command.current_dir(stage.folder.path()).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(out.contains("Warning: ca_file adds a CA that is trusted for the API"), "{out}");
    let pinned = format!("Change aop.toml:7: {{ name = \"a.example.com\", cert_id = \"{}\" }},", stage.old);
    assert!(out.contains(&pinned), "{out}");
}
