//! Several polls in a row, in paused time, against a fake of the API's calls.

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
