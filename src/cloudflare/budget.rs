//! How many requests may be sent, and when the next one may leave.

use std::num::NonZeroU32;
use std::time::Duration;

/// At most so many requests in any window of that length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How many requests.
    pub requests: NonZeroU32,
    /// How long the window is.
    pub per: Duration,
}
