//! Logging to stderr.

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

#[derive(Args)]
pub(super) struct Logs {
    /// Lowest level to log.
    #[arg(long, global = true, value_enum, default_value_t = Level::Info, env = "AOP_LOG_LEVEL", hide_env_values = true)]
    log_level: Level,
    /// Format of the logs on stderr.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, env = "AOP_LOG_FORMAT", hide_env_values = true)]
    log_format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Logs {
    /// Starts logging. Libraries log only warnings and errors, since their lower levels would show requests.
    pub(super) fn start(&self) {
        let level = match self.log_level {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        };
        let others = if matches!(self.log_level, Level::Error) { "error" } else { "warn" };
        let filter = EnvFilter::new(format!("{others},cloudflare_aop_exporter={level}"));
        let logs = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .with_target(false)
            // otherwise it reports errors to stderr, and panics if writing to stderr is the error
            .log_internal_errors(false);
        match self.log_format {
            Format::Text => logs.with_ansi(is_colourful(&io::stderr())).init(),
            Format::Json => logs.json().flatten_event(true).init(),
        }
        // panics are logged in the same format as everything else
        std::panic::set_hook(Box::new(|panic| {
            let location = panic.location().map(ToString::to_string);
            if crate::panic::is_contained(panic) {
                tracing::debug!(location, "a poll or probe panicked");
                return;
            }
            tracing::error!(
                location,
                "panicked: {}",
                panic.payload_as_str().unwrap_or("for an unknown reason")
            );
        }));
    }
}

/// Returns true if output should be coloured, which is on a terminal unless `NO_COLOR` is set (<https://no-color.org>).
pub(super) fn is_colourful(stream: &impl IsTerminal) -> bool {
    let disabled = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !disabled
}
