//! The quota left by its other users, as a pure function of the announcements in responses and their times.

use std::time::Duration;

use tokio::time::Instant;

use super::{Announcement, Wait};

/// The time that other requests wait for the response to the first request of a window.
const PATIENCE: Duration = Duration::from_secs(1);

/// The requests left in Cloudflare's window, and our requests that may not be counted in it yet.
///
/// The last quarter of the window is reserved for the quota's other users, such as the dashboard and Terraform. They do not
/// wait, and exceeding the quota would block them too.
#[derive(Default)]
pub(super) struct Announced {
    window: Option<Window>,
    /// The highest number ever announced as left. A quota without a policy is at least as large.
    most: u32,
    in_flight: u32,
}

/// The window of the latest announcement.
struct Window {
    left: u32,
    /// The requests reserved for others.
    reserve: u32,
    announced_at: Instant,
    resets_at: Instant,
    /// The end times of requests without an announcement. A response to a request sent earlier may not count them.
    lost: Vec<Instant>,
    /// The time of the first request after the reset. Until its response, the requests spent by others are unknown.
    first: Option<Instant>,
}

impl Window {
    fn suffices(&self, in_flight: u32) -> bool {
        self.left(in_flight) > 0
    }

    /// Returns the requests left without the reserve, assuming that all uncounted requests will be counted.
    fn left(&self, in_flight: u32) -> usize {
        let uncounted = self.lost.len().saturating_add(in_flight as usize);
        (self.left as usize).saturating_sub(uncounted.saturating_add(self.reserve as usize))
    }

    /// Returns true if only the reserve for others was left.
    fn is_used_up(&self) -> bool {
        self.left <= self.reserve
    }
}

impl Announced {
    /// Succeeds if a request may be sent now. Otherwise returns when to check again. A response may allow it earlier.
    pub(super) fn check(&self, now: Instant) -> Result<(), Wait> {
        let Some(window) = &self.window else { return Ok(()) };
        let wait = if now < window.resets_at {
            (!window.suffices(self.in_flight)).then_some(Wait::SharedQuota(window.resets_at))
        } else {
            let until = window.first.map(|first| first + PATIENCE).filter(|until| now < *until);
            // others leave only one request per window
            until.map(if window.is_used_up() { Wait::SharedQuota } else { Wait::OwnLimit })
        };
        wait.map_or(Ok(()), Err)
    }

    /// Returns the number of requests that may be sent now, or the maximum number if nothing is announced.
    pub(super) fn left(&self, now: Instant) -> usize {
        let window = self.window.as_ref().filter(|window| now < window.resets_at);
        window.map_or(usize::MAX, |window| window.left(self.in_flight))
    }

    /// Counts a request sent now, after [`Announced::check`] has allowed it.
    pub(super) fn record(&mut self, now: Instant) {
        self.in_flight += 1;
        if let Some(window) = self.window.as_mut().filter(|window| now >= window.resets_at) {
            match window.first {
                None => window.first = Some(now),
                // no response in time, so continue as if nothing had been announced
                Some(_) => self.window = None,
            }
        }
    }

    /// Records the announcement in the response to a request sent at `sent`.
    pub(super) fn answered(&mut self, sent: Instant, now: Instant, announcement: Announcement) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Announcement { remaining: left, reset, quota } = announcement;
        self.most = self.most.max(left);
        if let Some(known) = &mut self.window {
            known.lost.retain(|ended| *ended >= sent);
            // among responses to concurrent requests, the one with the fewest left was counted last
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

    /// Records that a request sent at `sent` ended without an announcement. Cloudflare may have counted it nevertheless.
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
