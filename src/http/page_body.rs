//! A page as the body of a response: written in frames, one at a time, and compressed if asked.

use std::io::{self, Write};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Body, Bytes, Frame};
use tokio::time::Instant;

use crate::metrics::Page;

/// How much of a page is written before others get their turn: some tens of microseconds of work.
const FRAME: usize = 64 * 1024;

/// Something that is written piece by piece.
pub(super) trait Fill {
    /// Appends to `out` until it holds at least `until` octets; false once the end was written.
    fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool;
}

impl Fill for Page {
    fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool {
        Self::fill(self, out, until)
    }
}

/// The place of a page that is under way: empty once its end was written, or somebody else has the place.
pub(super) struct Place(Mutex<Option<Writing>>);

struct Writing {
    page: Box<dyn Fill + Send>,
    gzip: Option<Gzip>,
    /// When its client last had room for more of it.
    taken_at: Instant,
}

impl Place {
    /// Of a page that is about to be written.
    pub(super) fn new(page: impl Fill + Send + 'static, gzip: bool, now: Instant) -> Self {
        let writing = Writing { page: Box::new(page), gzip: gzip.then(Gzip::new), taken_at: now };
        Self(Mutex::new(Some(writing)))
    }

    fn writing(&self) -> MutexGuard<'_, Option<Writing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the client last had room for more, as long as there is more.
    pub(super) fn taken_at(&self) -> Option<Instant> {
        self.writing().as_ref().map(|writing| writing.taken_at)
    }

    /// Leaves it to somebody else, with all that the page holds: its client may not notice for long.
    pub(super) fn give_up(&self) {
        *self.writing() = None;
    }

    /// Writes the next frame, which the compressor may leave empty, and tells whether there are more.
    pub(super) fn next(&self, now: Instant) -> io::Result<(bool, Vec<u8>)> {
        let mut writing = self.writing();
        let Writing { page, gzip, taken_at } = writing.as_mut().ok_or(io::ErrorKind::TimedOut)?;
        *taken_at = now;
        let (more, frame) = match gzip {
            Some(gzip) => gzip.next(&mut **page),
            None => {
                // rows are whole, so the last one reaches beyond the frame
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

/// The body of a response that writes a page, never more of it than the client takes.
///
/// It costs about two frames and, compressed, 0.3 MB for the compressor.
pub(super) struct PageBody {
    place: Arc<Place>,
    ended: bool,
    /// Whether others have to get their turn first.
    yields: bool,
}

impl PageBody {
    /// Writes the page in `place` until it was sent or given up.
    pub(super) fn new(place: Arc<Place>) -> Self {
        Self { place, ended: false, yields: false }
    }
}

/// One gzip stream over all frames (RFC 1952).
struct Gzip {
    /// What is to be compressed next; kept for its allocation.
    plain: Vec<u8>,
    encoder: GzEncoder<Vec<u8>>,
}

impl Gzip {
    fn new() -> Self {
        // level 3 would take twice as long to save a third, and pages rarely travel far
        Self { plain: Vec::new(), encoder: GzEncoder::new(Vec::new(), Compression::fast()) }
    }

    /// Compresses the next frame of `page`; false with the last one.
    fn next(&mut self, page: &mut dyn Fill) -> (bool, io::Result<Vec<u8>>) {
        self.plain.clear();
        let more = page.fill(&mut self.plain, FRAME);
        (more, self.compress(!more))
    }

    fn compress(&mut self, ends: bool) -> io::Result<Vec<u8>> {
        self.encoder.write_all(&self.plain)?;
        if ends {
            self.encoder.try_finish()?;
        }
        Ok(mem::take(self.encoder.get_mut()))
    }
}

impl Body for PageBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if mem::take(&mut self.yields) {
            return yield_now(cx);
        }
        if self.ended {
            return Poll::Ready(None);
        }
        let (more, frame) = match self.place.next(Instant::now()) {
            Ok((true, frame)) if frame.is_empty() => return yield_now(cx),
            Ok(next) => next,
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        (self.ended, self.yields) = (!more, more);
        Poll::Ready(Some(Ok(Frame::data(frame.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

/// Asks to be polled again after the others: the runtime looks at its sockets first.
fn yield_now<T>(cx: &mut Context<'_>) -> Poll<T> {
    // woken directly, the task would be run again before the runtime has looked at a socket
    let _ = pin!(tokio::task::yield_now()).poll(cx);
    Poll::Pending
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Read;

    use flate2::read::MultiGzDecoder;

    use super::*;

    /// Writes this many numbered rows.
    struct Rows(u32);

    impl Fill for Rows {
        fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool {
            while self.0 > 0 && out.len() < until {
                self.0 -= 1;
                out.extend_from_slice(format!("row {}\n", self.0).as_bytes());
            }
            self.0 > 0
        }
    }

    /// The sizes of the frames, how often the others got a turn, and all that was written.
    async fn written(page: Rows, gzip: bool) -> (Vec<usize>, usize, Vec<u8>) {
        let mut body = pin!(PageBody::new(Arc::new(Place::new(page, gzip, Instant::now()))));
        let (mut sizes, mut turns, mut all) = (Vec::new(), 0, Vec::new());
        while !body.is_end_stream() {
            let frame = poll_fn(|cx| {
                let frame = body.as_mut().poll_frame(cx);
                turns += usize::from(frame.is_pending());
                frame
            });
            let frame = frame.await.unwrap().unwrap().into_data().unwrap();
            sizes.push(frame.len());
            all.extend_from_slice(&frame);
        }
        assert!(poll_fn(|cx| body.as_mut().poll_frame(cx)).await.is_none());
        (sizes, turns, all)
    }

    #[tokio::test]
    async fn others_get_their_turn_between_two_frames() {
        let (sizes, turns, all) = written(Rows(20_000), false).await;
        assert_eq!(sizes, [65_540, 65_537, 57_813]);
        assert_eq!(turns, 2);
        assert!(all.starts_with(b"row 19999\nrow 19998\n") && all.ends_with(b"row 1\nrow 0\n"));
    }

    #[tokio::test]
    async fn a_compressed_page_is_the_same_page_in_small_frames() {
        let (_, _, plain) = written(Rows(200_000), false).await;
        let (sizes, turns, compressed) = written(Rows(200_000), true).await;
        let mut decoded = Vec::new();
        MultiGzDecoder::new(&*compressed).read_to_end(&mut decoded).unwrap();
        assert!(decoded == plain);
        assert_eq!(turns, plain.len() / FRAME);
        assert!(sizes.iter().all(|size| (1..=2 * FRAME).contains(size)), "{sizes:?}");
    }

    #[tokio::test]
    async fn a_page_whose_place_is_taken_breaks_off() {
        let place = Arc::new(Place::new(Rows(1), false, Instant::now()));
        let mut body = pin!(PageBody::new(Arc::clone(&place)));
        place.give_up();
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await.unwrap();
        assert_eq!(frame.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn an_empty_page_ends_well() {
        assert_eq!(written(Rows(0), false).await, (vec![0], 0, vec![]));
        let (.., compressed) = written(Rows(0), true).await;
        assert_eq!(MultiGzDecoder::new(&*compressed).read(&mut [0]).unwrap(), 0);
    }
}
