//! Users with passwords (RFC 7617): bcrypt makes each guess dear, and a scrape pays that only once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::HeaderValue;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// bcrypt looks at no more octets than these, so that longer passwords would be equal to shorter ones.
const LONGEST_PASSWORD: usize = 72;

/// Users, with the hashes of their passwords.
pub struct Users {
    hashes: BTreeMap<String, Hash>,
    /// Under which names and passwords are remembered; it never leaves this process.
    key: hmac::Key,
    /// The names and passwords that were right: at most one for each user.
    known: Mutex<BTreeSet<Vec<u8>>>,
    /// Passwords are tried one after the other, however many are offered.
    turn: Arc<Semaphore>,
}

/// The bcrypt hash of a password.
#[derive(Clone)]
pub struct Hash(String);

/// Why a text is no hash of a password; it never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// It has another form.
    #[error("expected the bcrypt hash of a password, as htpasswd -nB prints it")]
    Form,
    /// Each scrape by a new client would take seconds.
    #[error("expected a bcrypt hash of cost 16 at most")]
    Cost,
}

/// There is no source of random numbers.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system has no random numbers")]
pub struct NoRandomness;

impl std::str::FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let parts: bcrypt::HashParts = text.parse().map_err(|_| HashError::Form)?;
        // $2b$12$, then 22 characters of salt and 31 of hash, which the parser takes as they are
        let encoded = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'/';
        if text.len() != 60 || !text.bytes().skip(7).all(encoded) {
            return Err(HashError::Form);
        }
        if parts.get_cost() > 16 { Err(HashError::Cost) } else { Ok(Self(text.to_owned())) }
    }
}

impl Users {
    /// These users.
    ///
    /// # Errors
    /// Where the system has no random numbers.
    pub fn new(hashes: BTreeMap<String, Hash>) -> Result<Self, NoRandomness> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| NoRandomness)?;
        Ok(Self { hashes, key, known: Mutex::default(), turn: Arc::new(Semaphore::new(1)) })
    }

    /// Whether the value of the header `Authorization` is of one of the users, with the right password.
    pub(super) async fn admit(&self, authorization: Option<&HeaderValue>) -> bool {
        let Some((user, password)) = authorization.and_then(credentials) else { return false };
        let credentials = self.tag(&user, &password);
        if self.is_known(&credentials) {
            return true;
        }
        // never closed
        let Ok(turn) = Arc::clone(&self.turn).acquire_owned().await else { return false };
        // somebody else may have come with the same before
        if self.is_known(&credentials) {
            return true;
        }
        let hash = self.hashes.get(&user);
        let named = hash.is_some();
        // a name that nobody has takes as long as one that somebody has
        let Some(hash) = hash.or_else(|| self.hashes.values().next()).cloned() else { return false };
        let right = spawn_blocking(move || {
            // the work goes on when who offered the password has hung up, and so does the turn
            let _turn = turn;
            bcrypt::verify(&*password, &hash.0).unwrap_or(false)
        });
        let admitted = right.await.unwrap_or(false) && named;
        if admitted {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(credentials);
        }
        admitted
    }

    fn is_known(&self, credentials: &[u8]) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(credentials)
    }

    fn tag(&self, user: &str, password: &[u8]) -> Vec<u8> {
        // a name has no colon
        hmac::sign(&self.key, &[user.as_bytes(), b":", password].concat()).as_ref().to_vec()
    }
}

/// User and password of the scheme `Basic`.
fn credentials(authorization: &HeaderValue) -> Option<(String, Vec<u8>)> {
    let (scheme, encoded) = authorization.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|octet| *octet == b':')?;
    let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    let password = decoded[colon + 1..].to_vec();
    (password.len() <= LONGEST_PASSWORD).then_some((user, password))
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.hashes.keys()).finish()
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::poll;

    use super::*;

    fn users(of: &[(&str, &str, u32)]) -> Users {
        let hash = |password, cost| bcrypt::hash(password, cost).unwrap().parse().unwrap();
        let hashes = of.iter().map(|(user, password, cost)| ((*user).to_owned(), hash(password, *cost)));
        Users::new(hashes.collect()).unwrap()
    }

    fn basic(credentials: &str) -> HeaderValue {
        format!("Basic {}", BASE64_STANDARD.encode(credentials)).parse().unwrap()
    }

    #[tokio::test]
    async fn who_hangs_up_does_not_have_two_passwords_tried_at_once() {
        let users = users(&[("a", "right", 10)]);
        let wrong = basic("a:wrong");
        assert!(poll!(pin!(users.admit(Some(&wrong)))).is_pending());
        assert_eq!(users.turn.available_permits(), 0);
        assert!(users.admit(Some(&basic("a:right"))).await);
        assert_eq!(users.turn.available_permits(), 1);
    }
}
