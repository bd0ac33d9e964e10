//! A cache of correct passwords, so that only the first scrape pays for bcrypt.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;

use super::Hash;

/// The error for a system without random numbers.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system provides no random numbers")]
pub struct NoRandomness;

/// The correct password of each user, as a [`Tag`].
pub(super) struct Cache {
    /// A random key that never leaves this process.
    key: hmac::Key,
    tags: Mutex<BTreeMap<String, Tag>>,
}

/// The MAC of a user, a hash and a password.
#[derive(PartialEq)]
pub(super) struct Tag(Vec<u8>);

impl Cache {
    /// Creates an empty cache with a new key.
    ///
    /// # Errors
    /// Fails if the system provides no random numbers.
    pub(super) fn new() -> Result<Self, NoRandomness> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| NoRandomness)?;
        Ok(Self { key, tags: Mutex::default() })
    }

    /// Computes the tag of a user, a hash and a password.
    pub(super) fn tag(&self, user: &str, hash: &Hash, password: &[u8]) -> Tag {
        // unambiguous, since all hashes have the same length and no user name contains a colon
        let all = [hash.as_bytes(), user.as_bytes(), b":", password].concat();
        Tag(hmac::sign(&self.key, &all).as_ref().to_vec())
    }

    /// Returns true if the tag's password is known to be correct for its user and hash.
    pub(super) fn contains(&self, user: &str, tag: &Tag) -> bool {
        self.tags().get(user) == Some(tag)
    }

    /// Stores the correct password of a user, replacing an earlier one.
    pub(super) fn insert(&self, user: String, tag: Tag) {
        self.tags().insert(user, tag);
    }

    fn tags(&self) -> MutexGuard<'_, BTreeMap<String, Tag>> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
