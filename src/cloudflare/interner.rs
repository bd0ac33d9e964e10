//! One allocation for equal certificates, and one reading of each PEM.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::domain::Certificate;

/// The certificates that somebody still holds, by what they were made from.
#[derive(Default)]
pub(super) struct Interner {
    keys: [RandomState; 2],
    known: Mutex<HashMap<u128, Weak<Certificate>>>,
}

impl Interner {
    /// The certificate that was made from `parts` before, or the one that `make` makes now.
    ///
    /// The parts themselves are not kept: 128 bits under random keys stand for them.
    pub(super) fn intern(
        &self,
        parts: &[Option<&str>],
        make: impl FnOnce() -> Certificate,
    ) -> Arc<Certificate> {
        let [low, high] = self.keys.each_ref().map(|key| u128::from(key.hash_one(parts)));
        let key = high << 64 | low;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(certificate) = known.get(&key).and_then(Weak::upgrade) {
            return certificate;
        }
        if known.len() == known.capacity() {
            known.retain(|_, certificate| certificate.strong_count() > 0);
        }
        let certificate = Arc::new(make());
        known.insert(key, Arc::downgrade(&certificate));
        certificate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::CertificateDetails;

    fn make() -> Certificate {
        Certificate::new(CertificateDetails::default(), None)
    }

    #[test]
    fn equal_parts_share_one_certificate_and_it_is_made_once() {
        let interner = Interner::default();
        let first = interner.intern(&[Some("a"), None], make);
        let second = interner.intern(&[Some("a"), None], || unreachable!("it is known"));
        assert!(Arc::ptr_eq(&first, &second));
        for other in [[None, Some("a")], [Some("a"), Some("")], [Some(""), Some("a")]] {
            assert!(!Arc::ptr_eq(&first, &interner.intern(&other, make)), "{other:?}");
        }
    }

    #[test]
    fn what_nobody_holds_is_forgotten() {
        let interner = Interner::default();
        for number in 0..10_000 {
            interner.intern(&[Some(&number.to_string())], make);
        }
        assert!(interner.known.lock().unwrap().capacity() < 100);
    }
}
