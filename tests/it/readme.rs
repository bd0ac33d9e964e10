//! Runs the commands of the README and the book, and compares their output with the documented output.

mod elsewhere;

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};

use crate::support::program::{Folder, PROGRAM, Running, text};

/// The address of the simulated API in the documents.
const SIMULATED: &str = "127.0.0.1:10220";

/// The probe of a server that only the end-to-end tests start.
const PROBE: &str = "cloudflare-aop-exporter probe app.example.com --origin 127.0.0.1:";

/// Placeholders in the documents, each with its replacement for the simulated account.
const PLACEHOLDERS: &[(&str, &str)] = &[
    (" NEW_ID ", " cdbdd158-8f8a-1547-2783-e81e875e8a5f "),
    (" OTHER_ID ", " cdbdd158-8f8a-1547-2783-e81e875e8a5f "),
    (" OLD_ID ", " cdbdd158-8f8a-1547-2783-e81e875e8a5f "),
    (" DELETED_ID ", " 1122de51-5c75-368a-34ac-38231ddc296c "),
    (" ID ", " cdbdd158-8f8a-1547-2783-e81e875e8a5f "),
    (" 2458ce5a-… ", " cdbdd158-8f8a-1547-2783-e81e875e8a5f "),
    // a port that refuses every connection
    (" 203.0.113.7", " 127.0.0.1:1"),
    ("/var/lib/node_exporter/textfile/", ""),
    ("sudo ", ""),
];

/// Returns the README and the pages of the book with their names.
fn documents() -> Vec<(String, String)> {
    let pages = fs::read_dir("docs").unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut names: Vec<_> = pages.map(|path| path.display().to_string()).collect();
    names.push("README.md".into());
    names.sort();
    names.into_iter().map(|name| (name.clone(), fs::read_to_string(&name).unwrap())).collect()
}

/// Returns the contents of a document's code blocks in a language.
fn blocks<'a>(document: &'a str, language: &str) -> impl Iterator<Item = &'a str> {
    let fence = format!("```{language}\n");
    let mut rest = document;
    std::iter::from_fn(move || {
        let (block, after) = rest.split_once(&fence)?.1.split_once("```\n").unwrap();
        rest = after;
        Some(block)
    })
}

/// Returns the commands of a block with prompts, each with the output shown beneath it.
fn commands(block: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in joined(block) {
        if let Some(command) = line.strip_prefix("$ ").or_else(|| line.strip_prefix("# ")) {
            commands.push((command.to_owned(), String::new()));
        } else if let Some((_, output)) = commands.last_mut() {
            output.push_str(&line);
            output.push('\n');
        }
    }
    commands
}

/// Returns the lines of a block. Lines that end in a backslash or a pipe are joined with the next one.
fn joined(block: &str) -> Vec<String> {
    let block = block.replace("\\\n", "").replace("|\n", "| ");
    block.lines().map(str::to_owned).collect()
}

/// Replaces the digits of dates, and of seconds in metrics, with zeros, since they differ between two runs.
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

/// Returns a shell in a folder with the program and the configurations of the documents.
fn shell(folder: &Folder, simulator: &Running, script: &str) -> Command {
    let path = format!("{}:{}", folder.0.path().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell
        .current_dir(folder.0.path())
        .env("PATH", path)
        .env("CLOUDFLARE_BASE_URL", format!("http://{}/client/v4", simulator.address))
        .env("CLOUDFLARE_API_TOKEN", "simulated-token")
        .args(["-c", script]);
    shell
}

/// Runs those commands of a block that show their output or set a variable, in one shell.
fn run(folder: &Folder, simulator: &Running, commands: &[(String, String)]) {
    let shown = |(command, output): &&(String, String)| !output.is_empty() || command.starts_with("export ");
    let shown: Vec<_> = commands.iter().filter(shown).collect();
    let script: String = shown
        .iter()
        // the exit code must be kept across the line between two outputs
        .map(|(command, _)| {
            format!("{}\ncode=$?; echo -----; (exit $code)\n", command.replace('…', "simulated-token"))
        })
        .collect();
    let mut shell = shell(folder, simulator, &format!("exec 2>&1\n{script}"));
    let output = shell.env("CLOUDFLARE_API_TOKEN", "exported-by-an-earlier-block").output().unwrap();
    let printed = text(&output.stdout).replace(&simulator.address, SIMULATED);
    let printed: Vec<_> = printed.split_terminator("-----\n").collect();
    assert_eq!(printed.len(), shown.len(), "{printed:?}");
    for ((command, expected), printed) in shown.into_iter().zip(printed) {
        assert_eq!(all_undated(printed), all_undated(expected), "$ {command}\n{printed}");
    }
}

/// Runs a command that shows no output, unless the list says which test runs it; returns true if it ran.
fn run_bare(folder: &Folder, simulator: &Running, command: &str) -> bool {
    if elsewhere::is_run(command) {
        return false;
    }
    let program = command.trim_start_matches("sudo ").strip_prefix("cloudflare-aop-exporter ");
    let Some(arguments) = program else {
        panic!("no test runs `{command}`: name the test that does in tests/it/readme/elsewhere.rs");
    };
    let mut adapted = PLACEHOLDERS
        .iter()
        .fold(command.to_owned(), |command, (placeholder, value)| command.replace(placeholder, value));
    if arguments.starts_with("serve") {
        let adapted =
            adapted.replace(" serve", " serve --listen 127.0.0.1:0").replace("cloudflare", "exec cloudflare");
        Running::start_command(&mut shell(folder, simulator, &adapted));
        return true;
    }
    if ["hostname enable", "hostname disable", "hostname void"]
        .iter()
        .any(|change| arguments.starts_with(change))
    {
        adapted.push_str(" --yes");
    }
    if ["certificate upload", "certificate rotate"].iter().any(|change| arguments.starts_with(change)) {
        // the change is not made, since other documented commands use the current certificates
        adapted.push_str(" --dry-run");
    }
    let output = shell(folder, simulator, &adapted).output().unwrap();
    let code = output.status.code().unwrap();
    let expected: &[i32] = match arguments.split(' ').next().unwrap() {
        // the result depends on the findings of the account
        "check" => &[0, 1, 2],
        // nothing listens on that port
        "probe" => &[3],
        _ => &[0],
    };
    assert!(expected.contains(&code), "$ {command}\n{adapted}\n{code}\n{}", text(&output.stderr));
    true
}

/// Starts the daemon with that account and compares its logs, except the duration of the first poll.
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
fn documented_commands_print_the_documented_output() {
    let start =
        |arguments: &[&str]| Running::start(&[&["simulate", "--listen", "127.0.0.1:0"], arguments].concat());
    let simulator = start(&[]);
    let documents = documents();
    assert!(documents.iter().any(|(_, text)| text.contains("simulate --hostnames 5 --zones 12`")));
    let account = start(&["--hostnames", "5", "--zones", "12"]);
    // waits for the next second, so that the whole days left of each certificate do not change
    let now = || Clock::system().now().as_second();
    let started = now();
    while now() == started {
        sleep(Duration::from_millis(10));
    }
    let folder = folder(&simulator, &documents);
    let mut shown = 0;
    for (_, document) in &documents {
        for commands in blocks(document, "console").map(commands) {
            if commands.iter().any(|(_, output)| !output.is_empty()) && !commands[0].0.starts_with(PROBE) {
                run_block(&folder, &simulator, &account, &commands);
                shown += 1;
            }
        }
    }
    assert!(shown >= 9, "{shown} blocks that show output");
}

#[test]
fn documented_commands_without_output_succeed() {
    let simulator = Running::start(&["simulate", "--listen", "127.0.0.1:0"]);
    let documents = documents();
    let folder = folder(&simulator, &documents);
    let mut bare = BTreeSet::new();
    for (name, document) in &documents {
        for block in blocks(document, "sh") {
            let commands = joined(block).into_iter();
            bare.extend(commands.filter(|command| !command.is_empty() && !command.starts_with("# ")));
        }
        for block in blocks(document, "console") {
            let commands = commands(block);
            assert!(!commands.is_empty(), "{name}: {block}");
            let without =
                commands.into_iter().filter(|(_, output)| output.is_empty()).map(|(command, _)| command);
            bare.extend(without.filter(|command| !command.starts_with("export ")));
        }
    }
    let ran = bare.iter().filter(|command| run_bare(&folder, &simulator, command)).count();
    assert!(ran > 20, "{ran} commands");
}

/// Returns a folder with the program, and with the documented configurations for a simulator.
fn folder(simulator: &Running, documents: &[(String, String)]) -> Folder {
    let folder = Folder::new();
    symlink(PROGRAM, folder.path("cloudflare-aop-exporter")).unwrap();
    folder.write("edit-token", "simulated-token");
    let (certificate, key) = client_certificate();
    folder.write("client.pem", &certificate);
    folder.write("client.key", &key);
    fs::set_permissions(folder.path("client.key"), Permissions::from_mode(0o600)).unwrap();
    let base_url = format!("[[account]]\nbase_url = \"http://{SIMULATED}/client/v4\"\n");
    for block in documents.iter().flat_map(|(_, document)| blocks(document, "toml")) {
        if let Some((name, _)) = block.strip_prefix("# ").and_then(|rest| rest.split_once('\n')) {
            let given = if block.contains("base_url") {
                block.to_owned()
            } else {
                block.replace("[[account]]\n", &base_url)
            };
            folder.write(name, &given.replace(SIMULATED, &simulator.address));
        }
    }
    folder
}

/// Returns a client certificate like the one created in the documents, and its key.
fn client_certificate() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "client");
    params.is_ca = IsCa::ExplicitNoCa;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// Runs a block that shows output.
fn run_block(folder: &Folder, simulator: &Running, account: &Running, commands: &[(String, String)]) {
    let (first, expected) = &commands[0];
    if first == "cloudflare-aop-exporter simulate" {
        assert_eq!(simulator.read("out").replace(&simulator.address, SIMULATED), *expected);
    } else if first.starts_with("curl -s 127.0.0.1:10219/metrics | ") {
        let demo = Running::start(&["demo", "--listen", "127.0.0.1:0"]);
        let page = demo.until("/metrics", "\ncloudflare_aop_exporter_polls_total 1\n");
        let page = all_undated(&page);
        for line in all_undated(expected).lines() {
            assert!(page.lines().any(|other| other == line), "{line}\n{page}");
        }
    } else if first == "export CLOUDFLARE_API_TOKEN=…" {
        run(folder, account, commands);
    } else if first == "cloudflare-aop-exporter serve" {
        serve(account, expected);
    } else {
        run(folder, simulator, commands);
    }
}
