//! The program: parse, run, exit code.

use std::process::ExitCode;

use cloudflare_aop_exporter::cli::Cli;

fn main() -> ExitCode {
    Cli::main()
}
