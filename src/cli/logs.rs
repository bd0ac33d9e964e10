//! Where logs go and how they look.

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

#[derive(Args)]
pub(super) struct Logs {
    /// The least important messages that are logged.
    #[arg(long, global = true, value_enum, default_value_t = Level::Info)]
    log_level: Level,
    /// How logs are written to stderr.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
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
    /// Starts logging. Libraries only warn: their finer levels would show requests, and that is not theirs to tell.
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
            // a log that cannot be written would be told to stderr, which panics where that is what cannot be written
            .log_internal_errors(false);
        match self.log_format {
            Format::Text => logs.with_ansi(is_colourful(&io::stderr())).init(),
            Format::Json => logs.json().flatten_event(true).init(),
        }
        // so that it is in the form of all other logs, and found where they are
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            tracing::error!(place, "panicked: {}", panic.payload_as_str().unwrap_or("for an unknown reason"));
        }));
    }
}

/// Colour is for terminals, and for those who did not ask to be spared it (<https://no-color.org>).
pub(super) fn is_colourful(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !refused
}
