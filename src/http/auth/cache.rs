//! A cache of right passwords, so that a scrape pays for bcrypt only once.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;

use super::Hash;

/// Random numbers are not available.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system has no random numbers")]
pub struct NoRandomness;

/// The right password of each user, as a [`Tag`].
pub(super) struct Cache {
    /// It never leaves this process.
    key: hmac::Key,
    tags: Mutex<BTreeMap<String, Tag>>,
}

/// The MAC of a user, a hash and a password.
#[derive(PartialEq)]
pub(super) struct Tag(Vec<u8>);

impl Cache {
    /// An empty cache with a new key.
    ///
    /// # Errors
    /// Fails if the system has no random numbers.
    pub(super) fn new() -> Result<Self, NoRandomness> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| NoRandomness)?;
        Ok(Self { key, tags: Mutex::default() })
    }

    /// The tag of these three.
    pub(super) fn tag(&self, user: &str, hash: &Hash, password: &[u8]) -> Tag {
        // unambiguous: all hashes are equally long, and no name contains a colon
        let all = [hash.as_bytes(), user.as_bytes(), b":", password].concat();
        Tag(hmac::sign(&self.key, &all).as_ref().to_vec())
    }

    /// Whether the password of that tag was right for that user and hash.
    pub(super) fn contains(&self, user: &str, tag: &Tag) -> bool {
        self.tags().get(user) == Some(tag)
    }

    /// Remembers the right password of a user, in place of an earlier one.
    pub(super) fn insert(&self, user: String, tag: Tag) {
        self.tags().insert(user, tag);
    }

    fn tags(&self) -> MutexGuard<'_, BTreeMap<String, Tag>> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
