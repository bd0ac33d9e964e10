//! Compression of a page.

use std::io::{self, Write};
use std::mem;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A gzip stream over all frames of a page (RFC 1952).
pub(super) struct Gzip(GzEncoder<Vec<u8>>);

impl Gzip {
    pub(super) fn new() -> Self {
        // level 3 is a third smaller but takes twice as long, and clients are usually nearby
        Self(GzEncoder::new(Vec::new(), Compression::fast()))
    }

    /// Compresses a frame. The result is empty if the encoder buffers all of it. The last frame ends the stream.
    pub(super) fn compress(&mut self, frame: &[u8], is_last: bool) -> io::Result<Vec<u8>> {
        self.0.write_all(frame)?;
        if is_last {
            self.0.try_finish()?;
        }
        Ok(mem::take(self.0.get_mut()))
    }
}
