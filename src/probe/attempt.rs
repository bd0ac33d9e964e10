//! One connection: a handshake, a request, and the head of the response.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use rustls::client::ClientConnection;
use rustls::{Error, HandshakeKind, ProtocolVersion};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::head::{Head, LARGEST_BODY, LARGEST_HEAD, Phrase, is_same_host, read_head};
use super::stream::Tolerant;
use super::tls::{Versions, Witness};
use super::{End, Observation, Target, TlsVersion};
use crate::domain::ProbeFailure;
use crate::telemetry::VERSION;

/// The number of octets to read at a time.
const PART: usize = 2048;

/// Probes the server at the other end of `stream`. Observations go to `seen` as they happen, so that a
/// timeout loses none.
pub(super) async fn attempt<S: AsyncRead + AsyncWrite + Unpin>(
    target: &Target,
    stream: S,
    versions: Versions,
    witness: &Arc<Witness>,
    seen: &mut Observation,
) {
    let name = ServerName::try_from(target.server_name.as_str().to_owned());
    // a wildcard is not a server name
    let (Ok(name), Ok(config)) = (name, witness.config(versions)) else {
        return seen.end = End::Failed(ProbeFailure::NotTls);
    };
    let connect = TlsConnector::from(Arc::new(config)).connect(name, Tolerant::new(stream));
    let mut stream = match connect.into_fallible().await {
        Ok(stream) => stream,
        Err((error, _)) => return seen.end = end(&error),
    };
    note(stream.get_ref().1, seen);
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: cloudflare-aop-exporter/{VERSION}\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n",
        target.path, target.server_name
    );
    seen.end = match ask(&mut stream, request.as_bytes(), target.server_name.as_str()).await {
        Ok(end) => end,
        Err(error) => end(&error),
    };
    seen.asks_late = asks_late(&stream);
}

/// Records the results of a completed handshake.
fn note(connection: &ClientConnection, seen: &mut Observation) {
    seen.handshake = true;
    seen.resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
    seen.version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => Some(TlsVersion::Tls13),
        _ => Some(TlsVersion::Tls12),
    };
}

/// Sends the request, and reads as much of the response as is needed.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut TlsStream<Tolerant<S>>,
    request: &[u8],
    host: &str,
) -> io::Result<End> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut bytes = Vec::new();
    loop {
        match read_head(&bytes) {
            Head::Partial => {}
            Head::NotHttp => return Ok(End::Failed(ProbeFailure::NotHttp)),
            Head::TooLong => return Ok(End::Failed(ProbeFailure::HeadTooLong)),
            Head::Http2 => return Ok(End::Http2),
            Head::Whole { status, location, length, body } => {
                let same_host = location.is_some_and(|location| is_same_host(location, host));
                let phrase = match status {
                    400 | 403 => find_phrase(stream, body.to_vec(), length.unwrap_or(usize::MAX)).await,
                    _ => None,
                };
                return Ok(End::Answer { status, same_host, phrase });
            }
        }
        if read(stream, &mut bytes, LARGEST_HEAD + 1).await? == 0 {
            return Ok(End::Failed(ProbeFailure::Closed));
        }
    }
}

/// Reads until the body contains a known phrase, or ends in any way.
async fn find_phrase<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut TlsStream<Tolerant<S>>,
    mut body: Vec<u8>,
    length: usize,
) -> Option<Phrase> {
    let most = length.min(LARGEST_BODY);
    loop {
        let phrase = Phrase::find(&body);
        if phrase.is_some() || body.len() >= most || !matches!(read(stream, &mut body, most).await, Ok(1..)) {
            return phrase;
        }
    }
}

/// Adds the next bytes to `bytes`, up to `most` in total. Returns 0 at the end, and if the server asks late:
/// then the server waits for a handshake and sends nothing else.
async fn read<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut TlsStream<Tolerant<S>>,
    bytes: &mut Vec<u8>,
    most: usize,
) -> io::Result<usize> {
    let mut part = [0; PART];
    let mut part = ReadBuf::new(&mut part[..PART.min(most - bytes.len())]);
    poll_fn(|cx| match Pin::new(&mut *stream).poll_read(cx, &mut part) {
        Poll::Pending if asks_late(stream) => Poll::Ready(Ok(())),
        poll => poll,
    })
    .await?;
    bytes.extend_from_slice(part.filled());
    Ok(part.filled().len())
}

/// Always false in TLS 1.3, where records do not show their content.
fn asks_late<S>(stream: &TlsStream<Tolerant<S>>) -> bool {
    let (stream, connection) = stream.get_ref();
    connection.protocol_version() == Some(ProtocolVersion::TLSv1_2) && stream.asks_late()
}

/// Returns how a connection ended, from the error of its TLS.
fn end(error: &io::Error) -> End {
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(Error::AlertReceived(alert)) => End::Alert(u8::from(*alert)),
        Some(_) => End::Failed(ProbeFailure::NotTls),
        None => End::Failed(ProbeFailure::Closed),
    }
}
