//! Compression of a page.

use std::io::{self, Write};
use std::mem;

use flate2::Compression;
use flate2::write::GzEncoder;

/// One gzip stream over all frames of a page (RFC 1952).
pub(super) struct Gzip(GzEncoder<Vec<u8>>);

impl Gzip {
    pub(super) fn new() -> Self {
        // level 3 takes twice as long to save a third, and pages rarely travel far
        Self(GzEncoder::new(Vec::new(), Compression::fast()))
    }

    /// Compresses a frame. The result is empty if the encoder keeps all of it for later; the last frame ends the stream.
    pub(super) fn compress(&mut self, frame: &[u8], is_last: bool) -> io::Result<Vec<u8>> {
        self.0.write_all(frame)?;
        if is_last {
            self.0.try_finish()?;
        }
        Ok(mem::take(self.0.get_mut()))
    }
}
