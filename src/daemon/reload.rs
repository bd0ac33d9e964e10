//! Reads the configuration again: on SIGHUP, on request, and when one of its files has changed.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::Signal;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::controls::Controls;
use crate::config::{Config, Files, Secrets, Source};
use crate::http::{Listen, Reload};

/// The interval at which the files are checked.
const LOOK: Duration = Duration::from_secs(10);

/// Where a configuration was read from.
#[derive(Clone)]
pub struct Origin {
    /// The file, or the environment. Which of them takes a restart to change.
    pub source: Source,
    /// All files that were read, as they were when they were last read, well or not.
    pub files: Files,
}

/// Reads the configuration again and puts it in force.
pub(super) struct Reloader {
    origin: Origin,
    /// The listen address and the path of the state file. Changing either takes a restart.
    listen: Listen,
    state_file: Option<PathBuf>,
    controls: Controls,
    hangup: Signal,
}

impl Reloader {
    /// Reads `origin` again, from which came `config`, which `controls` put in force.
    pub(super) fn new(origin: Origin, hangup: Signal, config: &Config, controls: Controls) -> Self {
        let (listen, state_file) = (config.listen.clone(), config.state_file.clone());
        Self { origin, listen, state_file, controls, hangup }
    }

    /// Waits for an occasion, reads the file, answers; and so on.
    pub(super) async fn run(mut self, mut wishes: mpsc::Receiver<Reload>) -> anyhow::Result<Infallible> {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = self.hangup.recv() => {
                    // errors have been logged
                    let _ = self.reload("SIGHUP").await;
                }
                Some(wish) = wishes.recv() => {
                    // the receiver may have been dropped
                    let _ = wish.send(self.reload("request to reload").await);
                }
                _ = look.tick() => {
                    let files = self.origin.files.clone();
                    let changed = move || files.look_again() != files;
                    if spawn_blocking(changed).await.context("files")? {
                        let _ = self.reload("a file has changed").await;
                    }
                }
            }
        }
    }

    /// Reads the file because of `cause`, and puts it in force as a whole, or tells all that is wrong with it.
    async fn reload(&mut self, cause: &str) -> Result<(), String> {
        tracing::debug!("{cause}: reading the configuration");
        let result = self.try_reload().await.map_err(|error| format!("{error:#}"));
        self.controls.note(result.as_ref().err().map(String::as_str));
        match result {
            Ok(watched) => {
                tracing::info!("{cause}: the configuration is in force, watching {watched}");
                Ok(())
            }
            Err(error) => {
                tracing::error!("{cause}: the previous configuration stays in force: {error}");
                self.controls.keep().await;
                Err(error)
            }
        }
    }

    /// Returns what is watched now, in words.
    async fn try_reload(&mut self) -> anyhow::Result<String> {
        let Origin { source, files: before } = self.origin.clone();
        let load = move || {
            let mut files = Files::default();
            let config = source.load(Secrets::Check, &mut files);
            if config.is_err() {
                // those of the configuration in force are looked at as well
                let read = std::mem::replace(&mut files, before.look_again());
                files.extend(read);
            }
            (config, files)
        };
        let (config, files) = spawn_blocking(load).await?;
        self.origin.files = files;
        let config = config?;
        self.controls.replace(&config).await?;
        if config.listen != self.listen {
            tracing::warn!(in_force = %self.listen, "server.listen has changed: that takes a restart");
        }
        if config.state_file != self.state_file {
            tracing::warn!("poll.state_file has changed: that takes a restart");
        }
        Ok(config.watched().to_string())
    }
}
