//! What the machine does to the program: signals at a bad moment, and disks, descriptors and threads that run out.

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

/// Stops the program, which exits with 0 after at most the 4 s that answers are given to end, and not only once a client
/// that takes nothing is given up after 30 s.
fn stop(running: &mut Running) {
    let (code, took) = running.stop("TERM");
    assert_eq!(code, Some(0), "{}", running.read("err"));
    assert!(took < Duration::from_secs(15), "{took:?}");
}

/// What is in a folder.
fn files(folder: &Folder) -> Vec<String> {
    let names = fs::read_dir(folder.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// From now on the program may have no more of that; tells what it might have before.
fn limit(running: &Running, resource: Resource, most: u64) -> Rlimit {
    let maximum = getrlimit(resource).maximum;
    set_limit(running, resource, Rlimit { current: Some(most), maximum })
}

fn set_limit(running: &Running, resource: Resource, limit: Rlimit) -> Rlimit {
    prlimit(Some(Pid::from_child(&running.child)), resource, limit).unwrap()
}

/// A simulated API with so many hostnames that what is known of them is far more than what is logged.
fn simulate_many() -> Running {
    Running::start(&["simulate", "--listen", "127.0.0.1:0", "--token", TOKEN, "--hostnames", "5000"])
}

/// A configuration that discovers them, and polls them every second.
fn many(api: &Running) -> String {
    config(&api.address, "").replace("hostnames = []", "discover = true") + OFTEN
}

#[test]
fn it_stops_in_the_middle_of_a_poll() {
    // it accepts and says nothing
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    let path = folder.write("aop.toml", &config(&silent.local_addr().unwrap().to_string(), APP));
    let mut serve = Running::start(&["serve", "--config", &path]);
    let (_asked, _) = silent.accept().unwrap();
    stop(&mut serve);
}

#[test]
fn it_stops_in_the_middle_of_a_page_that_nobody_takes() {
    let mut demo = Running::start(&["demo", "--listen", "127.0.0.1:0", "--hostnames", "5000"]);
    demo.until("/-/ready", "\r\n\r\nready\n");
    let mut slow = TcpStream::connect(&demo.address).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    slow.read_exact(&mut [0; 1000]).unwrap();
    stop(&mut demo);
}

#[test]
fn it_stops_while_the_state_file_is_written_and_leaves_it_whole() {
    let (api, folder) = (simulate_many(), Folder::new());
    let path = folder.write("aop.toml", &many(&api));
    let mut serve = Running::start(&["serve", "--config", &path]);
    // a file that is not whole yet, beside one that is
    serve.wait_for(|_| files(&folder).len() == 3);
    stop(&mut serve);
    assert_eq!(files(&folder), ["aop.toml", "state.json"]);
    let serve = Running::start(&["serve", "--config", &path]);
    assert!(serve.get("/-/ready").starts_with("HTTP/1.1 200 "));
    assert!(serve.read("err").contains("the state file was read"), "{}", serve.read("err"));
}

#[test]
fn a_token_that_changes_in_the_middle_of_a_poll_is_in_all_requests_from_then_on() {
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
fn it_goes_on_while_the_disk_is_full_and_writes_the_state_file_once_it_is_not() {
    let (api, folder) = (simulate_many(), Folder::new());
    let path = folder.write("aop.toml", &many(&api));
    // a file that grows too long then is an error, as one for which there is no room
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
fn it_goes_on_while_there_are_no_descriptors_and_polls_and_writes_once_there_are() {
    let (api, folder) = (simulate(), Folder::new());
    let path = folder.write("aop.toml", &(config(&api.address, APP) + OFTEN));
    let mut serve = Running::start(&["serve", "--config", &path, "--log-level", "debug"]);
    serve.until("/metrics", READ);
    let before = limit(&serve, Resource::Nofile, 0);
    // what was open stays open: the next one has to be connected to anew
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
fn what_panics_ends_the_program_with_an_error() {
    let (api, folder) = (simulate(), Folder::new());
    let path = folder.write("aop.toml", &config(&api.address, APP));
    // no memory has room for such a thread, and the runtime panics where it cannot have one
    let mut serve = program(&["serve", "--config", &path]);
    let output = serve.env("RUST_MIN_STACK", (1_u64 << 62).to_string()).output().unwrap();
    let logs = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{logs}");
    assert!(logs.contains(" ERROR panicked: OS can't spawn worker thread: "), "{logs}");
    assert!(logs.contains("\nerror: a part of the daemon failed: "), "{logs}");
}
