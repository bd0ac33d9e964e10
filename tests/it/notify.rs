//! The program as a service: what it tells the manager that started it.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cloudflare-aop-exporter");

/// A demo that was started by this test as a service manager would.
struct Service {
    child: Child,
    socket: UnixDatagram,
    // the socket is in it
    _folder: TempDir,
}

impl Service {
    fn start(watchdog: Option<Duration>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["demo", "--listen", "127.0.0.1:0"]).env("NOTIFY_SOCKET", path).stdout(Stdio::null());
        command.env_remove("WATCHDOG_PID").env_remove("WATCHDOG_USEC");
        if let Some(watchdog) = watchdog {
            command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        }
        Self { child: command.spawn().unwrap(), socket, _folder: folder }
    }

    /// What it says next, where that is within `time`.
    fn says(&self, time: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let mut message = [0; 256];
        match self.socket.recv(&mut message) {
            Ok(length) => Some(String::from_utf8(message[..length].to_vec()).unwrap()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn stop(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // it may have ended already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn it_says_when_it_serves_and_when_it_stops_and_nothing_in_between() {
    let mut service = Service::start(None);
    assert_eq!(service.says(SOON).as_deref(), Some("READY=1\n"));
    assert_eq!(service.says(Duration::from_millis(300)), None);
    assert_eq!(service.stop(), Some(0));
    assert_eq!(service.says(SOON).as_deref(), Some("STOPPING=1\n"));
    assert_eq!(service.says(Duration::from_millis(10)), None);
}

#[test]
fn it_feeds_the_watchdog_twice_in_its_time() {
    let mut service = Service::start(Some(Duration::from_millis(400)));
    assert_eq!(service.says(SOON).as_deref(), Some("READY=1\n"));
    let fed = tokio::time::Instant::now();
    for _ in 0..5 {
        assert_eq!(service.says(SOON).as_deref(), Some("WATCHDOG=1\n"));
    }
    // the first comes at once
    assert!(fed.elapsed() >= Duration::from_millis(700), "{:?}", fed.elapsed());
    assert_eq!(service.stop(), Some(0));
    while service.says(Duration::from_millis(10)).is_some_and(|said| said != "STOPPING=1\n") {}
}

#[test]
fn a_manager_that_cannot_listen_does_not_hold_it_up() {
    let mut command = Command::new(PROGRAM);
    command.args(["demo", "--listen", "127.0.0.1:0"]).env("NOTIFY_SOCKET", "/nowhere/notify");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut told = io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("Press Ctrl-C to stop.") {
        line.clear();
        assert_ne!(io::BufRead::read_line(&mut told, &mut line).unwrap(), 0, "it has ended");
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
