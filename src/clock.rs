//! The only module that reads wall-clock time.
//!
//! Code that needs the time takes a [`Clock`]. Durations are measured with [`tokio::time::Instant`], which is monotonic.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// A source of wall-clock time. Cheap to clone; all clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    /// Seconds since the epoch.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// Returns the operating system's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// Returns a clock that shows `now` until [`Clock::set`] changes it.
    pub fn fixed(now: Timestamp) -> Self {
        Self(Source::Fixed(Arc::new(AtomicI64::new(now.as_second()))))
    }

    /// Sets a fixed clock and all of its clones to `now`. Has no effect on the system clock.
    pub fn set(&self, now: Timestamp) {
        if let Source::Fixed(seconds) = &self.0 {
            seconds.store(now.as_second(), Ordering::Relaxed);
        }
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System =>
            {
                #[expect(clippy::disallowed_methods, reason = "the only reader of the system clock")]
                Timestamp::now()
            }
            Source::Fixed(seconds) => {
                Timestamp::from_second(seconds.load(Ordering::Relaxed)).unwrap_or_default()
            }
        }
    }
}
