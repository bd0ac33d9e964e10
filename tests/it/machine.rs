//! Tests of signals at bad moments and of exhausted disks, file descriptors and threads.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::support::program::{Folder, PROGRAM, Running, TOKEN, config, program, simulate, text};

const APP: &str = "\"app.example.com\"";
const READ: &str = "cloudflare_aop_hostname_up{zone=\"example.com\",hostname=\"app.example.com\"} 1\n";
const OFTEN: &str = "[poll]\nschedule = \"* * * * * *\"\njitter = \"0s\"\nstate_file = \"state.json\"\n";

/// Stops the program. It must exit with 0 within the drain timeout of 4 s, not only after the 30 s timeout of a client that
/// reads nothing.
fn stop(running: &mut Running) {
    let (code, took) = running.stop("TERM");
    assert_eq!(code, Some(0), "{}", running.read("err"));
    assert!(took < Duration::from_secs(15), "{took:?}");
}

/// Returns the names of the files in a directory.
fn files(folder: &Folder) -> Vec<String> {
    let names = fs::read_dir(folder.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// Limits a resource of the program and returns the previous limit.
fn limit(running: &Running, resource: Resource, max: u64) -> Rlimit {
    let maximum = getrlimit(resource).maximum;
    set_limit(running, resource, Rlimit { current: Some(max), maximum })
}

fn set_limit(running: &Running, resource: Resource, limit: Rlimit) -> Rlimit {
    prlimit(Some(Pid::from_child(&running.child)), resource, limit).unwrap()
}

/// Starts a simulated API with so many hostnames that the state file is far larger than the log.
fn simulate_many() -> Running {
    Running::start(&["simulate", "--listen", "127.0.0.1:0", "--token", TOKEN, "--hostnames", "5000"])
}

/// Returns a configuration that discovers them and polls every second.
fn many(api: &Running) -> String {
    config(&api.address, "").replace("hostnames = []", "discover = true") + OFTEN
}

#[test]
fn the_daemon_stops_during_a_poll() {
    // accepts connections but never responds
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    let path = folder.write("aop.toml", &config(&silent.local_addr().unwrap().to_string(), APP));
    let mut serve = Running::start(&["serve", "--config", &path]);
    let (_asked, _) = silent.accept().unwrap();
    stop(&mut serve);
}

#[test]
fn the_daemon_stops_while_a_client_does_not_read_its_page() {
    let mut demo = Running::start(&["demo", "--listen", "127.0.0.1:0", "--hostnames", "5000"]);
    demo.until("/-/ready", "\r\n\r\nready\n");
    let mut slow = TcpStream::connect(&demo.address).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    slow.read_exact(&mut [0; 1000]).unwrap();
    stop(&mut demo);
}

#[test]
fn the_daemon_stops_while_writing_the_state_file_and_leaves_the_file_complete() {
    let (api, folder) = (simulate_many(), Folder::new());
    let path = folder.write("aop.toml", &many(&api));
    let mut serve = Running::start(&["serve", "--config", &path]);
    // a temporary file next to the complete one
    serve.wait_for(|_| files(&folder).len() == 3);
    stop(&mut serve);
    assert_eq!(files(&folder), ["aop.toml", "state.json"]);
    let serve = Running::start(&["serve", "--config", &path]);
    assert!(serve.get("/-/ready").starts_with("HTTP/1.1 200 "));
    assert!(serve.read("err").contains("the state file was read"), "{}", serve.read("err"));
}

#[test]
fn a_token_that_changes_during_a_poll_is_used_at_once() {
    let (api, folder) = (simulate(), Folder::new());
    api.request_with("POST", "/_simulator/faults", r#"{"effect":"hang"}"#);
    let token = folder.write("token", "an-old-token");
    let hostnames = ["app.example.com", "www.example.com", "intranet.example.com"];
    let content = config(&api.address, &hostnames.map(|name| format!("{name:?}")).join(", "))
        .replace("api_token_env = \"AOP_TOKEN\"", &format!("api_token_file = {token:?}"));
    let path = folder.write("aop.toml", &content);
    let serve = Running::start(&["serve", "--config", &path]);
    api.until("/_simulator/requests", "/client/v4/zones?name=example.com");

    api.request("DELETE", "/_simulator/faults");
    folder.write("token", TOKEN);
    serve.signal("HUP");
    for name in hostnames {
        serve.until("/metrics", &format!("_up{{zone=\"example.com\",hostname=\"{name}\"}} 1\n"));
    }
    let page = serve.get("/metrics");
    assert!(page.contains("poll_errors_total{reason=\"auth\",zone=\"example.com\"} 0\n"), "{page}");
}

#[test]
fn the_daemon_survives_a_full_disk_and_writes_the_state_file_afterwards() {
    let (api, folder) = (simulate_many(), Folder::new());
    let path = folder.write("aop.toml", &many(&api));
    // a file size limit causes write errors like a full disk does
    let serve = format!("trap '' XFSZ; exec {PROGRAM} serve --config {path}");
    let mut command = Command::new("sh");
    let mut serve = Running::start_command(command.args(["-c", &serve]).env("AOP_TOKEN", TOKEN));
    let before = limit(&serve, Resource::Fsize, 1 << 16);
    serve.wait_for(|serve| serve.read("err").contains("the state file cannot be written"));
    serve.until("/metrics", "cloudflare_aop_zone_up{zone=\"example.com\"} 1\n");
    assert!(!files(&folder).iter().any(|name| name.ends_with(".tmp")), "{:?}", files(&folder));
    set_limit(&serve, Resource::Fsize, before);
    serve.wait_for(|serve| serve.read("err").contains("the state file is written again"));
    stop(&mut serve);
}

#[test]
fn the_daemon_survives_a_lack_of_descriptors_and_polls_and_writes_afterwards() {
    let (api, folder) = (simulate(), Folder::new());
    let path = folder.write("aop.toml", &(config(&api.address, APP) + OFTEN));
    let mut serve = Running::start(&["serve", "--config", &path, "--log-level", "debug"]);
    serve.until("/metrics", READ);
    let before = limit(&serve, Resource::Nofile, 0);
    // open connections stay open, so a new one is needed
    let address = api.address.clone();
    drop(api);
    let _api = Running::start(&["simulate", "--listen", &address, "--token", TOKEN]);
    for lacking in ["the state file cannot be written", "tcp open error: Too many open files"] {
        serve.wait_for(|serve| serve.read("err").contains(lacking));
    }
    set_limit(&serve, Resource::Nofile, before);
    serve.until("/metrics", READ);
    serve.wait_for(|serve| serve.read("err").contains("the state file is written again"));
    stop(&mut serve);
}

#[test]
fn a_panic_ends_the_program_with_an_error() {
    let (api, folder) = (simulate(), Folder::new());
    let path = folder.write("aop.toml", &config(&api.address, APP));
    // no memory is large enough for this stack, and the runtime panics if it cannot spawn a thread
    let mut serve = program(&["serve", "--config", &path]);
    let output = serve.env("RUST_MIN_STACK", (1_u64 << 62).to_string()).output().unwrap();
    let logs = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{logs}");
    assert!(logs.contains(" ERROR panicked: OS can't spawn worker thread: "), "{logs}");
    assert!(logs.contains("\nerror: a part of the daemon failed: "), "{logs}");
}
