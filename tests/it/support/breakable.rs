//! A connection whose stream can be broken on demand.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// The way a connection breaks at the next write.
#[derive(Clone, Copy, Debug)]
pub enum Break {
    /// A reset.
    Reset,
    /// These bytes, followed by the end.
    Raw(&'static [u8]),
}

/// Breaks a connection on demand.
#[derive(Clone, Default)]
pub struct Breaker(Arc<Mutex<Option<Break>>>);

impl Breaker {
    pub fn trip(&self, how: Break) {
        *self.get() = Some(how);
    }

    fn get(&self) -> MutexGuard<'_, Option<Break>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that breaks on demand.
pub struct Breakable {
    stream: Io,
    breaker: Breaker,
}

pub enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Breakable {
    pub fn new(stream: Io, breaker: Breaker) -> Self {
        Self { stream, breaker }
    }

    fn tcp(&self) -> &TcpStream {
        match &self.stream {
            Io::Plain(stream) => stream,
            Io::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl AsyncRead for Breakable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Io::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Io::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Breakable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let how = *self.breaker.get();
        let written = match how {
            None => buf,
            // earlier writes are lost as well, as a reset may cause
            Some(Break::Reset) => {
                self.tcp().set_zero_linger()?;
                return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
            }
            Some(Break::Raw(bytes)) => bytes,
        };
        let result = match &mut self.stream {
            Io::Plain(stream) => Pin::new(stream).poll_write(cx, written),
            Io::Tls(stream) => Pin::new(stream).poll_write(cx, written),
        };
        if how.is_some() && result.is_ready() {
            self.breaker.trip(Break::Raw(b""));
            return Poll::Ready(Ok(buf.len()));
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Io::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Io::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Io::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Io::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
