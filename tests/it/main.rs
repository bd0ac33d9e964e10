//! The integration tests, in one crate so that they are linked only once.
//!
//! These tests share a process and run in parallel. A test that measures or changes its own process is a separate crate in
//! `tests/`.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(unreachable_pub, reason = "nothing outside of this crate uses it")]

mod access;
mod accounts;
mod budget;
mod certificate;
mod check_quota;
mod client;
mod config_mistakes;
mod config_schema;
mod demo_origins;
mod dns;
mod dns_origins;
mod faults;
mod files;
mod formats;
mod given_token;
mod home;
mod hostname;
mod http;
mod json;
mod kill;
mod lists;
mod machine;
mod manual;
#[cfg(debug_assertions)]
mod no_file;
mod notify;
mod openapi;
mod origins;
mod pages;
mod poll;
mod probe;
mod program;
mod readme;
mod reload;
mod rooms;
mod rotation;
mod scraper;
mod secrets;
mod security;
mod simulator;
mod state_file;
mod support;
mod zones;
