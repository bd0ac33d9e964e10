//! A response body that writes a page.

use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame};
use tokio::time::Instant;

use super::slot::Slot;

/// A response body that writes its page frame by frame, as fast as the client reads.
///
/// It holds about two frames, plus 0.3 MB for the encoder if compressed.
pub(super) struct PageBody {
    slot: Arc<Slot>,
    ended: bool,
    /// True if other tasks get a turn before the next frame.
    yields: bool,
}

impl PageBody {
    /// Creates a body that writes the page in `slot` until it ends or is evicted.
    pub(super) fn new(slot: Arc<Slot>) -> Self {
        Self { slot, ended: false, yields: false }
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
        let (more, frame) = match self.slot.next(Instant::now()) {
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

/// Yields to other tasks, including those whose sockets have become ready.
fn yield_now<T>(cx: &mut Context<'_>) -> Poll<T> {
    // a task that only wakes itself would run again before the runtime polls its sockets
    let _ = pin!(tokio::task::yield_now()).poll(cx);
    Poll::Pending
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Read;

    use flate2::read::MultiGzDecoder;

    use super::*;
    use crate::http::page::Fill;
    use crate::http::page::slot::FRAME;

    /// A page with this many numbered rows.
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

    /// Returns the sizes of the frames, the number of yields and everything written.
    async fn written(page: Rows, gzip: bool) -> (Vec<usize>, usize, Vec<u8>) {
        let mut body = pin!(PageBody::new(Arc::new(Slot::new(page, gzip, Instant::now()))));
        let (mut sizes, mut yields, mut all) = (Vec::new(), 0, Vec::new());
        while !body.is_end_stream() {
            let frame = poll_fn(|cx| {
                let frame = body.as_mut().poll_frame(cx);
                yields += usize::from(frame.is_pending());
                frame
            });
            let frame = frame.await.unwrap().unwrap().into_data().unwrap();
            sizes.push(frame.len());
            all.extend_from_slice(&frame);
        }
        assert!(poll_fn(|cx| body.as_mut().poll_frame(cx)).await.is_none());
        (sizes, yields, all)
    }

    #[tokio::test]
    async fn the_body_yields_between_two_frames() {
        let (sizes, yields, all) = written(Rows(20_000), false).await;
        assert_eq!(sizes, [65_540, 65_537, 57_813]);
        assert_eq!(yields, 2);
        assert!(all.starts_with(b"row 19999\nrow 19998\n") && all.ends_with(b"row 1\nrow 0\n"));
    }

    #[tokio::test]
    async fn a_compressed_page_decodes_to_the_same_page() {
        let (_, _, plain) = written(Rows(200_000), false).await;
        let (sizes, yields, compressed) = written(Rows(200_000), true).await;
        let mut decoded = Vec::new();
        MultiGzDecoder::new(&*compressed).read_to_end(&mut decoded).unwrap();
        assert!(decoded == plain);
        assert_eq!(yields, plain.len() / FRAME);
        assert!(sizes.iter().all(|size| (1..=2 * FRAME).contains(size)), "{sizes:?}");
    }

    #[tokio::test]
    async fn the_body_of_an_evicted_page_fails() {
        let slot = Arc::new(Slot::new(Rows(1), false, Instant::now()));
        let mut body = pin!(PageBody::new(Arc::clone(&slot)));
        slot.evict();
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await.unwrap();
        assert_eq!(frame.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn an_empty_page_ends_without_error() {
        assert_eq!(written(Rows(0), false).await, (vec![0], 0, vec![]));
        let (.., compressed) = written(Rows(0), true).await;
        assert_eq!(MultiGzDecoder::new(&*compressed).read(&mut [0]).unwrap(), 0);
    }
}
