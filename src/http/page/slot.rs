//! The slot of one page being written.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::Fill;
use super::gzip::Gzip;
use super::prepared::Prepared;
use super::slots::LATE;

/// The size of a frame. Writing one takes some tens of microseconds, after which other tasks get a turn.
pub(super) const FRAME: usize = 64 * 1024;

/// The slot of a page. It is empty once the page has ended or was evicted.
pub(super) struct Slot(Mutex<Option<Writing>>);

struct Writing {
    page: Box<dyn Fill + Send>,
    /// The encoder and its input buffer, which is kept for its allocation.
    gzip: Option<(Gzip, Vec<u8>)>,
    read_at: Instant,
}

impl Slot {
    /// Creates a slot with a page.
    pub(super) fn new(page: impl Fill + Send + 'static, gzip: bool, now: Instant) -> Self {
        let gzip = gzip.then(|| (Gzip::new(), Vec::new()));
        Self(Mutex::new(Some(Writing { page: Box::new(page), gzip, read_at: now })))
    }

    /// Creates a slot for a page that is still being built. It may be evicted only once it is [`LATE`].
    pub(super) fn reserved(now: Instant) -> Self {
        let writing = Writing { page: Box::new(Prepared::default()), gzip: None, read_at: now + LATE };
        Self(Mutex::new(Some(writing)))
    }

    /// Fills a reserved slot. Returns false if it was evicted.
    pub(super) fn put(&self, page: Prepared, now: Instant) -> bool {
        let mut writing = self.writing();
        let is_reserved = writing.is_some();
        if is_reserved {
            *writing = Some(Writing { page: Box::new(page), gzip: None, read_at: now });
        }
        is_reserved
    }

    fn writing(&self) -> MutexGuard<'_, Option<Writing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the time when the client last had read enough for another frame. None if the slot is empty.
    pub(super) fn read_at(&self) -> Option<Instant> {
        self.writing().as_ref().map(|writing| writing.read_at)
    }

    /// Frees the page's memory at once, before its client notices. Returns false if the page has already ended.
    pub(super) fn evict(&self) -> bool {
        self.writing().take().is_some()
    }

    /// Writes the next frame. Returns true with it if more frames follow. A compressed frame may be empty.
    ///
    /// # Errors
    /// Fails if the page was evicted.
    pub(super) fn next(&self, now: Instant) -> io::Result<(bool, Vec<u8>)> {
        let mut writing = self.writing();
        let Writing { page, gzip, read_at } = writing.as_mut().ok_or(io::ErrorKind::TimedOut)?;
        *read_at = now;
        let (more, frame) = match gzip {
            Some((gzip, plain)) => {
                plain.clear();
                let more = page.fill(plain, FRAME);
                (more, gzip.compress(plain, !more))
            }
            None => {
                // rows are never split, so the last row may extend beyond the frame
                let mut frame = Vec::with_capacity(FRAME + 1024);
                (page.fill(&mut frame, FRAME), Ok(frame))
            }
        };
        if !more {
            *writing = None;
        }
        frame.map(|frame| (more, frame))
    }
}
