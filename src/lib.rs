//! Watches the client certificates that Cloudflare presents to origins (Authenticated Origin Pulls) and tells
//! Prometheus about them.
//!
//! ```text
//! cron tick ─▶ poll ─▶ cloudflare
//!               │ Outcome
//!               ▼
//!             keeper ─▶ watch<Arc<Snapshot>> ─▶ metrics ─▶ exposition ─▶ http
//! ```
//!
//! Data goes from left to right once, and nothing on the right is known on the left. A room imports only from rooms
//! on floors below its own:
//!
//! | Floor | Room | Job |
//! |---|---|---|
//! | 0 | [`domain`] | what there is to know, as types that cannot be wrong; pure |
//! | 0 | [`clock`] | the one place that reads wall time |
//! | 0 | [`exposition`] | the two text formats |
//! | 0 | [`mod@file`] | files that are replaced in one step |
//! | 1 | [`telemetry`] | counters and histograms about the exporter itself |
//! | 1 | [`keypair`] | certificates with their private keys, checked before they are sent |
//! | 1 | [`schedule`] | a cron expression becomes ticks |
//! | 1 | [`listener`] | the accept loop with its limits |
//! | 2 | [`cloudflare`] | the API's client, with its budget of requests |
//! | 2 | [`probe`] | what origins do with a connection that presents no certificate |
//! | 1 | [`keeper`] | the one writer of the snapshot, with its state file |
//! | 3 | [`poll`] | plans requests, sends them, reports what they say |
//! | 3 | [`metrics`] | the families of a snapshot |
//! | 3 | [`change`] | plans changes of associations and rotations, and waits until they are in force |
//! | 4 | [`http`] | routes, negotiation, compression |
//! | 4 | [`simulator`] | a simulated API with faults on demand |
//! | 5 | [`config`] | the file becomes exact settings, or all of its errors |
//! | 6 | [`daemon`] | the composition root |
//! | 7 | [`cli`] | the commands |
//!
//! This is a program: the library exists for its tests and benches, and promises nothing about its interfaces.

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
pub mod poll;
pub mod probe;
pub mod schedule;
pub mod simulator;
pub mod telemetry;
