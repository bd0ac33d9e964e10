//! A response's body, which may end before its time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// A body that is whole, or cut: then the connection breaks in its middle.
pub(super) struct Payload {
    data: Option<Bytes>,
    cut: Option<Cut>,
}

struct Cut {
    /// The length that was promised; none where the body is chunked.
    promised: Option<u64>,
    /// True if what there is has left: an error before that would take it along.
    flushed: bool,
}

impl Payload {
    pub(super) fn whole(data: Vec<u8>) -> Self {
        Self { data: Some(data.into()), cut: None }
    }

    /// The first half of `data`, and then nothing.
    pub(super) fn cut(data: Vec<u8>, chunked: bool) -> Self {
        let promised = (!chunked).then_some(data.len() as u64);
        let half = data.len() / 2;
        Self { data: Some(Bytes::from(data).slice(..half)), cut: Some(Cut { promised, flushed: false }) }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match &mut self.cut {
            None => Poll::Ready(None),
            Some(cut) if cut.flushed => Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
            Some(cut) => {
                cut.flushed = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.cut.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.data.as_ref().map_or(0, |data| data.len() as u64);
        match &self.cut {
            None => SizeHint::with_exact(left),
            Some(Cut { promised: Some(promised), .. }) => SizeHint::with_exact(*promised),
            Some(_) => SizeHint::default(),
        }
    }
}
