//! The library behind the program, for its tests and benches.

pub mod clock;
pub mod cloudflare;
pub mod config;
pub mod domain;
pub mod exposition;
pub mod http;
pub mod listener;
pub mod metrics;
pub mod poll;
pub mod schedule;
pub mod simulator;
pub mod telemetry;
