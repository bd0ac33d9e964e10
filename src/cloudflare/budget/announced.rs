//! What other users leave of the quota: a pure function of what responses announced, and when.

use std::time::Duration;

use tokio::time::Instant;

use super::{Announcement, Wait};

/// How long other requests wait for the answer to the first request of a window.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is left of Cloudflare's window, and which of our requests may not be counted in it yet.
///
/// The last quarter of the window is a reserve for the quota's other users, such as the dashboard and Terraform. They
/// do not wait, and one request too many would block them as well.
#[derive(Default)]
pub(super) struct Announced {
    window: Option<Window>,
    /// The most that was ever left. A quota that is not announced is at least as large.
    most: u32,
    in_flight: u32,
}

/// The window of the latest announcement.
struct Window {
    left: u32,
    /// The part of it that is for others.
    reserve: u32,
    announced_at: Instant,
    resets_at: Instant,
    /// When requests ended without an announcement. No answer to a request sent earlier is sure to count them.
    lost: Vec<Instant>,
    /// When the first request after the reset was sent. Until it is answered, what others have spent is not known.
    first: Option<Instant>,
}

impl Window {
    fn suffices(&self, in_flight: u32) -> bool {
        self.left(in_flight) > 0
    }

    /// What is left beside the reserve, if all requests that may not be counted yet are counted.
    fn left(&self, in_flight: u32) -> usize {
        let uncounted = self.lost.len().saturating_add(in_flight as usize);
        (self.left as usize).saturating_sub(uncounted.saturating_add(self.reserve as usize))
    }

    /// Whether nothing was left but the reserve for others.
    fn is_used_up(&self) -> bool {
        self.left <= self.reserve
    }
}

impl Announced {
    /// Succeeds if a request may be sent now, else returns when to check again. An answer may allow it earlier.
    pub(super) fn check(&self, now: Instant) -> Result<(), Wait> {
        let Some(window) = &self.window else { return Ok(()) };
        let wait = if now < window.resets_at {
            (!window.suffices(self.in_flight)).then_some(Wait::SharedQuota(window.resets_at))
        } else {
            let until = window.first.map(|first| first + PATIENCE).filter(|until| now < *until);
            // one request a window is all that others leave
            until.map(if window.is_used_up() { Wait::SharedQuota } else { Wait::OwnLimit })
        };
        wait.map_or(Ok(()), Err)
    }

    /// The number of requests that may be sent now; the largest number if nothing is announced.
    pub(super) fn left(&self, now: Instant) -> usize {
        let window = self.window.as_ref().filter(|window| now < window.resets_at);
        window.map_or(usize::MAX, |window| window.left(self.in_flight))
    }

    /// Counts a request that is sent now, as [`Announced::check`] allows.
    pub(super) fn leave(&mut self, now: Instant) {
        self.in_flight += 1;
        if let Some(window) = self.window.as_mut().filter(|window| now >= window.resets_at) {
            match window.first {
                None => window.first = Some(now),
                // it was not answered in time: as if nothing had been announced
                Some(_) => self.window = None,
            }
        }
    }

    /// Records the announcement in the answer to a request sent at `sent`.
    pub(super) fn answered(&mut self, sent: Instant, now: Instant, announcement: Announcement) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Announcement { remaining: left, reset, quota } = announcement;
        self.most = self.most.max(left);
        if let Some(known) = &mut self.window {
            known.lost.retain(|ended| *ended >= sent);
            // of answers to requests in flight together, the one with the least left was counted last
            if sent <= known.announced_at && left >= known.left {
                return;
            }
        }
        self.window = Some(Window {
            left,
            reserve: quota.unwrap_or(self.most) / 4,
            announced_at: now,
            // whole seconds may have been rounded down
            resets_at: now + reset.max(Duration::from_secs(1)),
            lost: self.window.take().map(|known| known.lost).unwrap_or_default(),
            first: None,
        });
    }

    /// Records that a request sent at `sent` ended without an announcement. Cloudflare may have counted it all the
    /// same.
    pub(super) fn lost(&mut self, sent: Instant, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match &mut self.window {
            Some(window) if window.first == Some(sent) => self.window = None,
            Some(window) => window.lost.push(now),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
