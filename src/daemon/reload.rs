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
use crate::config::{Config, Files, Secrets};
use crate::http::{Listen, Reload};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Where a configuration was read from.
#[derive(Clone)]
pub struct Origin {
    /// The file itself.
    pub file: PathBuf,
    /// All files that were read, as they were when they were last read, well or not.
    pub files: Files,
}

/// Reads the configuration again and puts it in force.
pub(super) struct Reloader {
    origin: Origin,
    /// Where is served, and where what is known is kept, which takes a restart to change.
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
                    tracing::info!("SIGHUP: reading the configuration");
                    // what is wrong has been logged
                    let _ = self.reload().await;
                }
                Some(wish) = wishes.recv() => {
                    tracing::info!("reading the configuration on request");
                    // whoever asked may be gone
                    let _ = wish.send(self.reload().await);
                }
                _ = look.tick() => {
                    let files = self.origin.files.clone();
                    let changed = move || files.look_again() != files;
                    if spawn_blocking(changed).await.context("files")? {
                        tracing::info!("a file has changed: reading the configuration");
                        let _ = self.reload().await;
                    }
                }
            }
        }
    }

    /// Reads the file and puts it in force as a whole, or tells all that is wrong with it.
    async fn reload(&mut self) -> Result<(), String> {
        let result = self.try_reload().await.map_err(|error| format!("{error:#}"));
        self.controls.note(result.is_ok());
        match &result {
            Ok(()) => tracing::info!("the configuration is in force"),
            Err(error) => {
                tracing::error!("the configuration before stays in force: {error}");
                self.controls.keep().await;
            }
        }
        result
    }

    async fn try_reload(&mut self) -> anyhow::Result<()> {
        let Origin { file, files: before } = self.origin.clone();
        let load = move || {
            let mut files = Files::default();
            let config = Config::load(&file, Secrets::Check, &mut files);
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
        Ok(())
    }
}
