//! Tells the program which revision it was built from, and with which compiler.

use std::process::Command;

fn main() {
    let revision = output("git", &["rev-parse", "--short=12", "HEAD"]);
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = output(&rustc, &["--version"]);
    println!("cargo::rustc-env=BUILD_REVISION={}", revision.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=BUILD_RUSTC={}", version.as_deref().unwrap_or("unknown"));
    println!("cargo::rerun-if-changed=build.rs");
    // a commit changes the log of HEAD; outside a checkout there is none
    if std::path::Path::new(".git/logs/HEAD").exists() {
        println!("cargo::rerun-if-changed=.git/logs/HEAD");
    }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| output.status.success() && !text.is_empty())
}
