//! Parses the command line, runs the command and sets the exit code.

use std::process::ExitCode;

use cloudflare_aop_exporter::cli::Cli;

fn main() -> ExitCode {
    Cli::main()
}
