//! A timeout for a request head, from its first byte.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::connections::Handle;

/// A stream whose reads fail if the rest of a request head takes too long. Between two requests, reads have no timeout.
pub(super) struct TimedHead<T> {
    stream: T,
    limit: Duration,
    handle: Handle,
    /// The deadline of the current head, with the number of requests read before it. Set when its first byte arrives.
    deadline: Option<(u64, Pin<Box<Sleep>>)>,
}

impl<T> TimedHead<T> {
    /// Wraps `stream` so that each head times out `limit` after its first byte.
    pub(super) fn new(stream: T, limit: Duration, handle: Handle) -> Self {
        Self { stream, limit, handle, deadline: None }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for TimedHead<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (requests, busy) = self.handle.requests();
        if busy || self.deadline.as_ref().is_some_and(|(before, _)| *before != requests) {
            self.deadline = None;
        }
        let filled = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if busy {
            return read;
        }
        if buf.filled().len() > filled && self.deadline.is_none() {
            self.deadline = Some((requests, Box::pin(sleep(self.limit))));
        }
        let late = |(_, deadline): &mut (u64, Pin<Box<Sleep>>)| deadline.as_mut().poll(cx).is_ready();
        if read.is_pending() && self.deadline.as_mut().is_some_and(late) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for TimedHead<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
