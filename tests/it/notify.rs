//! Tests of the service notifications that the program sends to systemd.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cloudflare-aop-exporter");

/// A demo started like a service manager would start it.
struct Service {
    child: Child,
    socket: UnixDatagram,
    // the directory of the socket
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

    /// Returns the next notification, if one arrives within `time`.
    fn notification(&self, time: Duration) -> Option<String> {
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
        // the process may already have ended
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn systemd_is_notified_when_the_daemon_is_ready_and_when_it_stops() {
    let mut service = Service::start(None);
    assert_eq!(service.notification(SOON).as_deref(), Some("READY=1\n"));
    assert_eq!(service.notification(Duration::from_millis(300)), None);
    assert_eq!(service.stop(), Some(0));
    assert_eq!(service.notification(SOON).as_deref(), Some("STOPPING=1\n"));
    assert_eq!(service.notification(Duration::from_millis(10)), None);
}

#[test]
fn the_watchdog_is_notified_twice_per_interval() {
    let mut service = Service::start(Some(Duration::from_millis(400)));
    assert_eq!(service.notification(SOON).as_deref(), Some("READY=1\n"));
    let fed = tokio::time::Instant::now();
    for _ in 0..5 {
        assert_eq!(service.notification(SOON).as_deref(), Some("WATCHDOG=1\n"));
    }
    // the first notification is sent at once
    assert!(fed.elapsed() >= Duration::from_millis(700), "{:?}", fed.elapsed());
    assert_eq!(service.stop(), Some(0));
    while service.notification(Duration::from_millis(10)).is_some_and(|said| said != "STOPPING=1\n") {}
}

#[test]
fn an_unreachable_manager_does_not_delay_it() {
    let mut command = Command::new(PROGRAM);
    command.args(["demo", "--listen", "127.0.0.1:0"]).env("NOTIFY_SOCKET", "/nowhere/notify");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut told = io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("Press Ctrl-C to stop.") {
        line.clear();
        assert_ne!(io::BufRead::read_line(&mut told, &mut line).unwrap(), 0, "the program has ended");
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
