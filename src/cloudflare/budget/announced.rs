//! What others leave of the quota: a pure function of what responses announced, and when.

use std::time::Duration;

use tokio::time::Instant;

use super::{Announcement, Wait};

/// How long all others wait for the answer to the first request of a window.
const PATIENCE: Duration = Duration::from_secs(1);

/// What Cloudflare's window still holds, and which of our requests may be missing from that.
///
/// The last quarter of the window is left to others, the dashboard and Terraform say, who do not wait: a request
/// too many would block them too.
#[derive(Default)]
pub(super) struct Announced {
    window: Option<Window>,
    /// The most that ever was left: where the quota is not said, it is at least as large.
    most: u32,
    in_flight: u32,
}

/// The window of the latest announcement.
struct Window {
    left: u32,
    /// How much of it is for others.
    reserve: u32,
    heard_at: Instant,
    resets_at: Instant,
    /// When requests ended of which nothing was heard: they may be counted in no answer to one that left earlier.
    lost: Vec<Instant>,
    /// When the first request after the reset left. Until it is answered nobody knows what others have spent.
    first: Option<Instant>,
}

impl Window {
    fn suffices(&self, in_flight: u32) -> bool {
        let uncounted = self.lost.len().saturating_add(in_flight as usize);
        self.left as usize > uncounted.saturating_add(self.reserve as usize)
    }

    /// Whether it was announced that nothing is left but what is for others.
    fn is_used_up(&self) -> bool {
        self.left <= self.reserve
    }
}

impl Announced {
    /// Whether a request may leave now, else when to ask again at the latest: an answer may come sooner.
    pub(super) fn check(&self, now: Instant) -> Result<(), Wait> {
        let Some(window) = &self.window else { return Ok(()) };
        let wait = if now < window.resets_at {
            (!window.suffices(self.in_flight)).then_some(Wait::SharedQuota(window.resets_at))
        } else {
            let until = window.first.map(|first| first + PATIENCE).filter(|until| now < *until);
            // one request a window is all that the others leave
            until.map(if window.is_used_up() { Wait::SharedQuota } else { Wait::OwnLimit })
        };
        wait.map_or(Ok(()), Err)
    }

    /// Counts a request that leaves now, as [`Announced::check`] allows.
    pub(super) fn leave(&mut self, now: Instant) {
        self.in_flight += 1;
        if let Some(window) = self.window.as_mut().filter(|window| now >= window.resets_at) {
            match window.first {
                None => window.first = Some(now),
                // its answer has not come in all that time: as if nothing had ever been announced
                Some(_) => self.window = None,
            }
        }
    }

    /// A request that left at `sent` was answered with an announcement.
    pub(super) fn hear(&mut self, sent: Instant, now: Instant, announcement: Announcement) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Announcement { remaining: left, reset, quota } = announcement;
        self.most = self.most.max(left);
        if let Some(known) = &mut self.window {
            known.lost.retain(|ended| *ended >= sent);
            // of answers to requests that were under way together, the one with the least left was the last counted
            if sent <= known.heard_at && left >= known.left {
                return;
            }
        }
        self.window = Some(Window {
            left,
            reserve: quota.unwrap_or(self.most) / 4,
            heard_at: now,
            // whole seconds may have been rounded down
            resets_at: now + reset.max(Duration::from_secs(1)),
            lost: self.window.take().map(|known| known.lost).unwrap_or_default(),
            first: None,
        });
    }

    /// A request that left at `sent` has ended without one. Cloudflare may have counted it all the same.
    pub(super) fn miss(&mut self, sent: Instant, now: Instant) {
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
