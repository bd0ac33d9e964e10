//! Sequences of polls in paused time, against a fake of the API calls.

mod accounts;
mod arrivals;
mod fake;
mod hanging;
mod ids;
mod lists;
mod once;
mod reloads;
mod shutdown;
mod stage;
mod story;
