//! A Prometheus exporter for Cloudflare Authenticated Origin Pulls, the client certificates that Cloudflare presents to
//! origins.
//!
//! ```text
//! cron tick ─▶ poll ─▶ cloudflare
//!               │ Outcome
//!               ▼
//!             keeper ─▶ watch<Arc<Snapshot>> ─▶ metrics ─▶ exposition ─▶ http
//! ```
//!
//! Data flows from left to right, and nothing depends on what is to its right. A room (a module with its submodules)
//! imports only from rooms on lower floors:
//!
//! | Floor | Room | Job |
//! |---|---|---|
//! | 0 | [`domain`] | the data model, in types that cannot hold invalid values; pure |
//! | 0 | [`clock`] | the only reader of wall-clock time |
//! | 0 | [`exposition`] | the two text formats |
//! | 0 | [`mod@file`] | atomically replaced files |
//! | 0 | [`mod@panic`] | contained panics |
//! | 1 | [`telemetry`] | metrics about the exporter itself |
//! | 1 | [`keypair`] | certificates with their private keys, checked before they are sent |
//! | 1 | [`schedule`] | the cron expression and its ticks |
//! | 1 | [`listener`] | the accept loop and its limits |
//! | 1 | [`keeper`] | the only writer of the snapshot and its state file |
//! | 2 | [`cloudflare`] | the API client with its request budget |
//! | 2 | [`probe`] | probes of origins without a client certificate |
//! | 3 | [`poll`] | plans requests, sends them and reports the results |
//! | 3 | [`metrics`] | the metric families of a snapshot |
//! | 3 | [`change`] | plans changes to associations and rotations of certificates, and waits until they take effect |
//! | 4 | [`http`] | routes, negotiation, compression |
//! | 4 | [`simulator`] | a simulated API with faults on demand |
//! | 5 | [`config`] | parses the configuration into settings, or reports all of its errors |
//! | 6 | [`daemon`] | the composition root |
//! | 7 | [`cli`] | the commands |
//!
//! The library exists for the program's tests and benches. Its API is not stable.

pub mod change;
pub mod cli;
pub mod clock;
pub mod cloudflare;
pub mod config;
pub mod daemon;
pub mod domain;
pub mod exposition;
pub mod file;
pub mod http;
pub mod keeper;
pub mod keypair;
pub mod listener;
pub mod metrics;
pub mod panic;
pub mod poll;
pub mod probe;
pub mod schedule;
pub mod simulator;
pub mod telemetry;
