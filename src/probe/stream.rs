//! The stream below TLS. It keeps reading after a write error, and counts the records that rustls does not
//! expose.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that ignores write errors.
///
/// A server that refuses a client in TLS 1.2 sends an alert and closes the connection while the client still
/// writes. The alert has arrived even if writing fails, and must be read.
pub(super) struct Tolerant<S> {
    stream: S,
    records: Records,
}

impl<S> Tolerant<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, records: Records::default() }
    }

    /// Returns true if, in TLS 1.2, the server sent handshake messages after its Finished. This is a
    /// HelloRequest (RFC 5246, section 7.4.1.1), by which a server asks for a certificate after reading a
    /// request.
    pub(super) fn asks_late(&self) -> bool {
        self.records.encrypted_handshakes > 1
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tolerant<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.records.read(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tolerant<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        Poll::Ready(Ok(written.unwrap_or(bytes.len())))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(cx));
        Poll::Ready(Ok(()))
    }
}

/// Reads the headers of the TLS records that pass through (RFC 5246, section 6.2.1).
#[derive(Default)]
struct Records {
    header: [u8; HEADER],
    /// The number of octets of the header received so far.
    has: usize,
    /// The number of octets of the record not received yet.
    left: usize,
    is_encrypted: bool,
    /// The number of handshake records after the ChangeCipherSpec. In TLS 1.2 the first one is the server's
    /// Finished.
    encrypted_handshakes: usize,
}

const HEADER: usize = 5;
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;

impl Records {
    fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skipped = self.left.min(bytes.len());
            self.left -= skipped;
            bytes = &bytes[skipped..];
            let (part, rest) = bytes.split_at(bytes.len().min(HEADER - self.has));
            self.header[self.has..self.has + part.len()].copy_from_slice(part);
            self.has += part.len();
            bytes = rest;
            if self.has == HEADER {
                let [kind, _, _, length @ ..] = self.header;
                self.left = usize::from(u16::from_be_bytes(length));
                self.has = 0;
                self.is_encrypted |= kind == CHANGE_CIPHER_SPEC;
                self.encrypted_handshakes += usize::from(kind == HANDSHAKE && self.is_encrypted);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn record(kind: u8, length: u8) -> Vec<u8> {
        [vec![kind, 3, 3, 0, length], vec![HANDSHAKE; usize::from(length)]].concat()
    }

    #[test]
    fn handshake_records_after_the_change_cipher_spec_are_counted_however_they_are_split() {
        let handshake = [record(22, 90), record(22, 0), record(20, 1), record(22, 40)].concat();
        let rest = [record(23, 99), record(22, 20), record(21, 2)].concat();
        for size in [1, 2, 3, 4, 5, 6, 7, 50, 1000] {
            let mut records = Records::default();
            handshake.chunks(size).for_each(|part| records.read(part));
            assert_eq!(records.encrypted_handshakes, 1);
            rest.chunks(size).for_each(|part| records.read(part));
            assert_eq!(records.encrypted_handshakes, 2);
        }
    }

    /// A peer that sent a response and then reset the connection.
    struct Gone(&'static [u8]);

    impl AsyncRead for Gone {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            buf.put_slice(std::mem::take(&mut self.0));
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Gone {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(ErrorKind::ConnectionReset.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(ErrorKind::BrokenPipe.into()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(ErrorKind::BrokenPipe.into()))
        }
    }

    #[tokio::test]
    async fn data_sent_before_a_reset_is_read_although_writing_fails() {
        let mut stream = Tolerant::new(Gone(b"alert"));
        stream.write_all(b"request").await.unwrap();
        stream.flush().await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "alert");
    }
}
