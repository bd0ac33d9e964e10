//! The slot of one page that is being written.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::Fill;
use super::gzip::Gzip;
use super::prepared::Prepared;
use super::slots::LATE;

/// How much of a page to write before other tasks get a turn: some tens of microseconds of work.
pub(super) const FRAME: usize = 64 * 1024;

/// The slot of a page, empty once the page has ended or was evicted.
pub(super) struct Slot(Mutex<Option<Writing>>);

struct Writing {
    page: Box<dyn Fill + Send>,
    /// The encoder, and the frame that it is given, kept for its allocation.
    gzip: Option<(Gzip, Vec<u8>)>,
    read_at: Instant,
}

impl Slot {
    /// The slot of a new page.
    pub(super) fn new(page: impl Fill + Send + 'static, gzip: bool, now: Instant) -> Self {
        let gzip = gzip.then(|| (Gzip::new(), Vec::new()));
        Self(Mutex::new(Some(Writing { page: Box::new(page), gzip, read_at: now })))
    }

    /// A slot for a page that is still being made. It is evicted only if that takes as long as a page may take.
    pub(super) fn reserved(now: Instant) -> Self {
        let writing = Writing { page: Box::new(Prepared::default()), gzip: None, read_at: now + LATE };
        Self(Mutex::new(Some(writing)))
    }

    /// Puts in the page that the slot was reserved for; false if it was evicted.
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

    /// When the client last had read enough for another frame; none if the slot is empty.
    pub(super) fn read_at(&self) -> Option<Instant> {
        self.writing().as_ref().map(|writing| writing.read_at)
    }

    /// Frees all that the page holds, without waiting until its client notices; false if the page has ended.
    pub(super) fn evict(&self) -> bool {
        self.writing().take().is_some()
    }

    /// Writes the next frame, and returns whether more follow. A compressed frame may be empty.
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
                // rows are written whole, so the last one may extend beyond the frame
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
