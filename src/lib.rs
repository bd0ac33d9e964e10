//! room for the table
pub mod clock;
pub mod cloudflare;
pub mod domain;
pub mod listener;
pub mod metrics;
pub mod poll;
pub mod telemetry;
