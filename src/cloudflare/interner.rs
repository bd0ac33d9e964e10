//! Deduplicates certificates, so that each is allocated and its PEM parsed once.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::domain::{CertId, Certificate};

/// The maximum number of unreadable certificates to remember, far more than an account has.
const MAX_UNREADABLE: usize = 10_000;

/// The certificates in use, keyed by the parts they were made from.
#[derive(Default)]
pub(super) struct Interner {
    keys: [RandomState; 2],
    in_use: Mutex<HashMap<u128, Weak<Certificate>>>,
    unreadable: Mutex<HashSet<Option<CertId>>>,
}

impl Interner {
    /// Returns the certificate made from the same parts if one is in use, or else makes one.
    ///
    /// The parts are not stored, only a 128-bit hash of them under random keys.
    pub(super) fn intern(
        &self,
        parts: &[Option<&str>],
        make: impl FnOnce() -> Certificate,
    ) -> Arc<Certificate> {
        let [low, high] = self.keys.each_ref().map(|key| u128::from(key.hash_one(parts)));
        let key = high << 64 | low;
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(certificate) = in_use.get(&key).and_then(Weak::upgrade) {
            return certificate;
        }
        if in_use.len() == in_use.capacity() {
            in_use.retain(|_, certificate| certificate.strong_count() > 0);
        }
        let certificate = Arc::new(make());
        in_use.insert(key, Arc::downgrade(&certificate));
        certificate
    }

    /// Returns true the first time that the certificate with this id is reported as unreadable.
    pub(super) fn is_news(&self, id: Option<&CertId>) -> bool {
        let mut unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        unreadable.len() < MAX_UNREADABLE && unreadable.insert(id.cloned())
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
    fn equal_parts_share_one_certificate_made_once() {
        let interner = Interner::default();
        let first = interner.intern(&[Some("a"), None], make);
        let second = interner.intern(&[Some("a"), None], || unreachable!("it exists"));
        assert!(Arc::ptr_eq(&first, &second));
        for other in [[None, Some("a")], [Some("a"), Some("")], [Some(""), Some("a")]] {
            assert!(!Arc::ptr_eq(&first, &interner.intern(&other, make)), "{other:?}");
        }
    }

    #[test]
    fn an_unreadable_certificate_is_news_once() {
        let (interner, [one, two]) = (Interner::default(), ["one", "two"].map(|id| id.parse().unwrap()));
        for id in [None, Some(&one), Some(&two)] {
            assert!(interner.is_news(id) && !interner.is_news(id));
        }
        for number in 0..MAX_UNREADABLE {
            interner.is_news(Some(&number.to_string().parse().unwrap()));
        }
        assert!(!interner.is_news(Some(&"another".parse().unwrap())));
    }

    #[test]
    fn unused_certificates_are_dropped() {
        let interner = Interner::default();
        for number in 0..10_000 {
            interner.intern(&[Some(&number.to_string())], make);
        }
        assert!(interner.in_use.lock().unwrap().capacity() < 100);
    }
}
