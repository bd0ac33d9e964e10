//! Reloads the configuration on SIGHUP, on request, and when one of its files has changed.

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

/// The interval between two checks of the files.
const LOOK: Duration = Duration::from_secs(10);

/// The origin of a configuration.
#[derive(Clone)]
pub struct Origin {
    /// The file or the environment. Switching between them requires a restart.
    pub source: Source,
    /// The files to watch, as the latest load found them, whether or not it succeeded.
    pub files: Files,
}

/// Reloads the configuration and puts it in force.
pub(super) struct Reloader {
    origin: Origin,
    /// The listen address. Changing it requires a restart, as for the path of the state file.
    listen: Listen,
    state_file: Option<PathBuf>,
    controls: Controls,
    hangup: Signal,
}

impl Reloader {
    /// Creates a reloader of `origin`, from which `config` was read and put in force by `controls`.
    pub(super) fn new(origin: Origin, hangup: Signal, config: &Config, controls: Controls) -> Self {
        let (listen, state_file) = (config.listen.clone(), config.state_file.clone());
        Self { origin, listen, state_file, controls, hangup }
    }

    /// Waits for a reason to reload, reloads, answers, and repeats.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Reload>) -> anyhow::Result<Infallible> {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = self.hangup.recv() => {
                    // errors have been logged
                    let _ = self.reload("SIGHUP").await;
                }
                Some(request) = requests.recv() => {
                    // the receiver may have been dropped
                    let _ = request.send(self.reload("request to reload").await);
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

    /// Reads the configuration because of `cause`. Puts it in force as a whole, or logs all of its errors.
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

    /// Returns a description of what is watched now.
    async fn try_reload(&mut self) -> anyhow::Result<String> {
        let Origin { source, files: before } = self.origin.clone();
        let load = move || {
            let mut files = Files::default();
            let config = source.load(Secrets::Check, &mut files);
            if config.is_err() {
                // keep watching the files of the configuration in force
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
            tracing::warn!(in_force = %self.listen, "server.listen has changed; restart the exporter to apply it");
        }
        if config.state_file != self.state_file {
            tracing::warn!("poll.state_file has changed; restart the exporter to apply it");
        }
        Ok(config.watched().to_string())
    }
}
