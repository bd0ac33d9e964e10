//! The program: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use cloudflare_aop_exporter::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
