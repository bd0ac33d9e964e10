//! Runs the README's commands and compares their output with the output that it shows.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;

use crate::support::program::{Folder, PROGRAM, Running, text};

const README: &str = include_str!("../../README.md");

/// The address of the simulated API in the README.
const SIMULATED: &str = "127.0.0.1:10220";

/// A configuration whose errors the README shows.
const BAD: &str = r#"# bad.toml
[poll]
interval = "5m"

[[account]]
base_url = "http://api.example.com"

[[account.zone]]
id = "023e105f"
hostnames = ["app.example.com", "App.example.com."]
"#;

/// The contents of the README's blocks in a language.
fn blocks(language: &str) -> impl Iterator<Item = &'static str> {
    let fence = format!("```{language}\n");
    let mut rest = README;
    std::iter::from_fn(move || {
        let (block, after) = rest.split_once(&fence)?.1.split_once("```\n").unwrap();
        rest = after;
        Some(block)
    })
}

/// The commands of a block, each with the output that is shown.
fn commands(block: &'static str) -> Vec<(&'static str, String)> {
    let mut commands: Vec<(&str, String)> = Vec::new();
    let mut lines = block.lines();
    while let Some(line) = lines.next() {
        if let Some(command) = line.strip_prefix("$ ") {
            let mut last = line;
            while last.ends_with('\\') {
                last = lines.next().unwrap();
            }
            commands.push((command, String::new()));
        } else if let Some((_, output)) = commands.last_mut() {
            output.push_str(line);
            output.push('\n');
        }
    }
    commands
}

/// Replaces what differs between two runs: the digits of dates, and those of seconds in metrics, become zeros.
fn undated(line: &str) -> String {
    let zeros = |text: &str| text.replace(|char: char| char.is_ascii_digit(), "0");
    let is_date = |word: &str| zeros(word).starts_with("0000-00-00");
    let words = line.split(' ').map(|word| if is_date(word) { zeros(word) } else { word.to_owned() });
    let line = words.collect::<Vec<_>>().join(" ");
    match line.split_once("_seconds{") {
        Some((_, rest)) => line.replace(rest, &zeros(rest)),
        None => line,
    }
}

fn all_undated(text: &str) -> String {
    text.lines().map(|line| undated(line) + "\n").collect()
}

/// Runs those commands of a block that show their output or set a variable, in one shell.
fn run(folder: &Folder, simulator: &Running, commands: &[(&str, String)]) {
    let shown = |(command, output): &&(&str, String)| !output.is_empty() || command.starts_with("export ");
    let shown: Vec<_> = commands.iter().filter(shown).collect();
    let script: String = shown
        .iter()
        // the exit code has to outlive the line between two outputs
        .map(|(command, _)| {
            format!("{}\ncode=$?; echo -----; (exit $code)\n", command.replace('…', "simulated-token"))
        })
        .collect();
    let path = format!("{}:{}", folder.0.path().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell
        .current_dir(folder.0.path())
        .env("PATH", path)
        .env("CLOUDFLARE_BASE_URL", format!("http://{}/client/v4", simulator.address))
        .env("CLOUDFLARE_API_TOKEN", "exported-by-an-earlier-block");
    let output = shell.args(["-c", &format!("exec 2>&1\n{script}")]).output().unwrap();
    let printed = text(&output.stdout).replace(&simulator.address, SIMULATED);
    let printed: Vec<_> = printed.split_terminator("-----\n").collect();
    assert_eq!(printed.len(), shown.len(), "{printed:?}");
    for ((command, expected), printed) in shown.into_iter().zip(printed) {
        assert_eq!(all_undated(printed), all_undated(expected), "$ {command}\n{printed}");
    }
}

/// Starts the daemon on that account and compares what it logs, up to the seconds that the first poll took.
fn serve(account: &Running, expected: &str) {
    let mut command = Command::new(PROGRAM);
    command.args(["serve", "--listen", "127.0.0.1:0"]).env("CLOUDFLARE_API_TOKEN", "simulated-token");
    command.env("CLOUDFLARE_BASE_URL", format!("http://{}/client/v4", account.address));
    let serve = Running::start_command(&mut command);
    serve.wait_for(|serve| serve.read("err").lines().count() == expected.lines().count());
    let logs = serve.read("err").replace(&serve.address, "127.0.0.1:10219");
    for (line, expected) in logs.lines().zip(expected.lines()) {
        let (_, told) = line.split_once("  ").unwrap();
        let untimed = |line: &str| line.split(" seconds=").next().unwrap().to_owned();
        assert_eq!(untimed(told), untimed(expected));
    }
}

#[test]
fn commands_of_the_readme_print_what_it_shows() {
    let simulator = Running::start(&["simulate", "--listen", "127.0.0.1:0"]);
    let account = ["simulate", "--listen", "127.0.0.1:0", "--hostnames", "5", "--zones", "12"];
    assert!(README.contains("`simulate --hostnames 5 --zones 12`"));
    let account = Running::start(&account);
    // until the next second, whole days are left of each certificate
    let now = || Clock::system().now().as_second();
    let started = now();
    while now() == started {
        sleep(Duration::from_millis(10));
    }
    let folder = Folder::new();
    symlink(PROGRAM, folder.path("cloudflare-aop-exporter")).unwrap();
    folder.write("bad.toml", BAD);
    for block in blocks("toml") {
        if let Some((name, _)) = block.strip_prefix("# ").and_then(|rest| rest.split_once('\n')) {
            folder.write(name, &block.replace(SIMULATED, &simulator.address));
        }
    }
    let mut ran = 0;
    for block in blocks("console") {
        let commands = commands(block);
        match commands.as_slice() {
            commands if commands.iter().all(|(_, output)| output.is_empty()) => {}
            [("cloudflare-aop-exporter simulate", expected)] => {
                assert_eq!(simulator.read("out").replace(&simulator.address, SIMULATED), *expected);
                ran += 1;
            }
            [(command, expected)] if command.starts_with("curl -s 127.0.0.1:10219/metrics | ") => {
                let demo = Running::start(&["demo", "--listen", "127.0.0.1:0"]);
                let page = demo.until("/metrics", "\ncloudflare_aop_exporter_polls_total 1\n");
                let page = all_undated(&page);
                for line in all_undated(expected).lines() {
                    assert!(page.lines().any(|other| other == line), "{line}\n{page}");
                }
                ran += 1;
            }
            [("export CLOUDFLARE_API_TOKEN=…", _), ..] => {
                run(&folder, &account, &commands);
                ran += 1;
            }
            [(command, expected)] if command.starts_with("cloudflare-aop-exporter serve ") => {
                serve(&account, expected);
                ran += 1;
            }
            commands => {
                run(&folder, &simulator, commands);
                ran += 1;
            }
        }
    }
    assert_eq!(ran, 8, "blocks that show output");
}
