//! The one place that reads wall time.
//!
//! Whatever needs the time takes a [`Clock`]; durations are measured with
//! [`tokio::time::Instant`], which no step of the system clock can disturb.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// A source of wall time; cheap to clone, and clones agree.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    /// Seconds since the epoch.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of the operating system.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `now` until [`Clock::set`] moves it.
    pub fn fixed(now: Timestamp) -> Self {
        Self(Source::Fixed(Arc::new(AtomicI64::new(now.as_second()))))
    }

    /// Moves a fixed clock, and every clone of it, to `now`; a system clock cannot be moved.
    pub fn set(&self, now: Timestamp) {
        if let Source::Fixed(seconds) = &self.0 {
            seconds.store(now.as_second(), Ordering::Relaxed);
        }
    }

    /// The time, now.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System =>
            {
                #[expect(clippy::disallowed_methods, reason = "this is the one place")]
                Timestamp::now()
            }
            Source::Fixed(seconds) => {
                Timestamp::from_second(seconds.load(Ordering::Relaxed)).unwrap_or_default()
            }
        }
    }
}
