//! The program as a separate process, with its files and arguments.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_cloudflare-aop-exporter");
pub const TOKEN: &str = "a-token-that-nobody-may-see";

pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env("AOP_TOKEN", TOKEN).env_remove("CLOUDFLARE_API_TOKEN");
    command
}

pub fn run(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A temporary directory.
pub struct Folder(pub TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) -> String {
        fs::write(self.path(name), content).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }
}

/// A program that runs until it is dropped, with its output in files.
pub struct Running {
    pub child: Child,
    folder: Folder,
    pub address: String,
}

impl Running {
    /// Starts the program and waits until it prints its listen address.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_command(&mut program(arguments))
    }

    pub fn start_command(command: &mut Command) -> Self {
        let folder = Folder::new();
        let [out, err] = ["out", "err"].map(|name| File::create(folder.path(name)).unwrap());
        let child = command.stdout(out).stderr(err).spawn().unwrap();
        let mut running = Self { child, folder, address: String::new() };
        let deadline = Instant::now() + Duration::from_secs(20);
        while running.address.is_empty() {
            assert!(Instant::now() < deadline, "{} {}", running.read("out"), running.read("err"));
            sleep(Duration::from_millis(5));
            let told = running.read("out") + &running.read("err");
            // an incomplete line may end within the port
            let whole = told.rfind('\n').map_or("", |end| &told[..end]);
            if let Some((_, rest)) = whole.split_once("127.0.0.1:").or_else(|| whole.split_once("=0.0.0.0:"))
            {
                let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
                running.address = format!("127.0.0.1:{port}");
            }
        }
        running
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path(name)).unwrap()
    }

    pub fn get(&self, path: &str) -> String {
        self.request("GET", path)
    }

    pub fn request(&self, method: &str, path: &str) -> String {
        self.request_with(method, path, "")
    }

    pub fn request_with(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}"
        );
        write!(stream, "{head}\r\n\r\n{body}").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    /// Requests `path` until the response contains `wanted`.
    pub fn until(&self, path: &str, wanted: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let response = self.get(path);
            if response.contains(wanted) {
                return response;
            }
            assert!(
                Instant::now() < deadline,
                "{path} never showed {wanted}:\n{response}\n{}",
                self.read("err")
            );
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until `wanted` returns true.
    pub fn wait_for(&self, wanted: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !wanted(self) {
            assert!(Instant::now() < deadline, "{}", self.read("err"));
            sleep(Duration::from_millis(5));
        }
    }

    /// Returns the program's resident anonymous memory in bytes.
    pub fn resident(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }

    /// Sends a signal to stop and returns the exit code and the time it took.
    pub fn stop(&mut self, signal: &str) -> (Option<i32>, Duration) {
        let asked = Instant::now();
        self.signal(signal);
        (self.child.wait().unwrap().code(), asked.elapsed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // the process may already have ended
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a simulated API with the token of these tests.
pub fn simulate() -> Running {
    Running::start(&["simulate", "--listen", "127.0.0.1:0", "--token", TOKEN])
}

/// Returns a configuration that reads these hostnames of example.com from the API at `address`.
pub fn config(address: &str, hostnames: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
[[account]]
api_token_env = "AOP_TOKEN"
base_url = "http://{address}/client/v4"
[[account.zone]]
name = "example.com"
hostnames = [{hostnames}]
"#
    )
}
