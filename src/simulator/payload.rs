//! The body of a response, which may be cut off.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// A body that is whole, or is cut off by the end of the connection.
pub(super) struct Payload {
    data: Option<Bytes>,
    cut: Option<Cut>,
}

struct Cut {
    /// The announced length; none if the body is chunked.
    promised: Option<u64>,
    /// True once the data has been flushed. An error before that would discard it.
    flushed: bool,
}

impl Payload {
    pub(super) fn whole(data: Vec<u8>) -> Self {
        Self { data: Some(data.into()), cut: None }
    }

    /// Creates a body that ends after the first half of `data`.
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
