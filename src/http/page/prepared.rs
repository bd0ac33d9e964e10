//! A page that is built as a whole and sent in pieces.

use super::Fill;

/// A page in memory.
#[derive(Default)]
pub(in crate::http) struct Prepared {
    page: Vec<u8>,
    sent: usize,
}

impl From<Vec<u8>> for Prepared {
    fn from(page: Vec<u8>) -> Self {
        Self { page, sent: 0 }
    }
}

impl Fill for Prepared {
    fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool {
        let rest = &self.page[self.sent..];
        let piece = &rest[..rest.len().min(until.saturating_sub(out.len()))];
        out.extend_from_slice(piece);
        self.sent += piece.len();
        piece.len() < rest.len()
    }
}
