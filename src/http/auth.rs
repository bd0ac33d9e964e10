//! Users with passwords (RFC 7617): bcrypt makes each guess dear, and a scrape pays that only once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::HeaderValue;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// bcrypt looks at no more octets than these, so that longer passwords would be equal to shorter ones.
const LONGEST_PASSWORD: usize = 72;

/// How many may wait until the passwords that they offer were tried; a client has given up where more would.
const WAITING: usize = 8;

/// Users, with the hashes of their passwords.
#[derive(Clone)]
pub struct Users {
    hashes: BTreeMap<String, Hash>,
    tried: Arc<Tried>,
}

/// What outlasts a change of the users.
struct Tried {
    /// Under which names, hashes and passwords are remembered; it never leaves this process.
    key: hmac::Key,
    /// The password of each user that was right for the hash of then.
    known: Mutex<BTreeMap<String, Vec<u8>>>,
    places: Semaphore,
    /// Passwords are tried one after the other, however many are offered.
    turn: Arc<Semaphore>,
}

/// Why somebody is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is none of the users, or not the password.
    Unknown,
    /// Too many others are waiting.
    Busy,
}

/// The bcrypt hash of a password.
#[derive(Clone)]
pub struct Hash {
    text: String,
    /// Each more takes twice as long.
    cost: u32,
}

/// Why a text is no hash of a password; it never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// It has another form.
    #[error("expected the bcrypt hash of a password, as htpasswd -nB prints it")]
    Form,
    /// There is no password of less, and with more each scrape by a new client would take seconds.
    #[error("expected a bcrypt hash of cost 4 to 16")]
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
        let cost = parts.get_cost();
        if (4..=16).contains(&cost) { Ok(Self { text: text.to_owned(), cost }) } else { Err(HashError::Cost) }
    }
}

impl Users {
    /// These users.
    ///
    /// # Errors
    /// Where the system has no random numbers.
    pub fn new(hashes: BTreeMap<String, Hash>) -> Result<Self, NoRandomness> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| NoRandomness)?;
        let (places, turn) = (Semaphore::new(WAITING), Arc::new(Semaphore::new(1)));
        Ok(Self { hashes, tried: Arc::new(Tried { key, known: Mutex::default(), places, turn }) })
    }

    /// Takes the place of the users `before`: whoever was known and has the same hash is so still.
    pub(super) fn succeed(&mut self, before: &Self) {
        self.tried = Arc::clone(&before.tried);
    }

    /// Admits who offers in the header `Authorization` the name of one of the users, with the right password.
    pub(super) async fn admit(&self, authorization: Option<&HeaderValue>) -> Result<(), Refusal> {
        let (user, password) = authorization.and_then(credentials).ok_or(Refusal::Unknown)?;
        let named = self.hashes.get(&user);
        let dearest = self.hashes.values().max_by_key(|hash| hash.cost).ok_or(Refusal::Unknown)?;
        let (hash, most) = (named.unwrap_or(dearest).clone(), dearest.cost);
        let (named, tag) = (named.is_some(), self.tried.tag(&user, &hash, &password));
        if named && self.tried.is_known(&user, &tag) {
            return Ok(());
        }
        let _place = self.tried.places.try_acquire().map_err(|_| Refusal::Busy)?;
        // never closed
        let turn = Arc::clone(&self.tried.turn).acquire_owned().await.map_err(|_| Refusal::Busy)?;
        // somebody else may have come with the same before
        if named && self.tried.is_known(&user, &tag) {
            return Ok(());
        }
        let tried = Arc::clone(&self.tried);
        let right = spawn_blocking(move || {
            // the work goes on when who offered the password has hung up, and so does the turn
            let _turn = turn;
            let right = bcrypt::verify(&*password, &hash.text).unwrap_or(false) && named;
            // as much as is missing to the dearest: every name takes the same time, also one that nobody has
            for cost in hash.cost..most {
                std::hint::black_box(bcrypt::bcrypt(cost, [0; 16], b"x"));
            }
            if right {
                tried.known().insert(user, tag);
            }
            right
        });
        if right.await.unwrap_or(false) { Ok(()) } else { Err(Refusal::Unknown) }
    }
}

impl Tried {
    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_known(&self, user: &str, tag: &[u8]) -> bool {
        self.known().get(user).is_some_and(|known| known == tag)
    }

    fn tag(&self, user: &str, hash: &Hash, password: &[u8]) -> Vec<u8> {
        // all hashes have one length, and a name has no colon
        let all = [hash.text.as_bytes(), user.as_bytes(), b":", password].concat();
        hmac::sign(&self.key, &all).as_ref().to_vec()
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
    use std::time::Duration;

    use futures_util::future::join_all;
    use futures_util::poll;
    use tokio::runtime::Builder;
    use tokio::time::Instant;

    use super::*;

    fn users(of: &[(&str, &str, u32)]) -> Users {
        let hash = |password, cost| bcrypt::hash(password, cost).unwrap().parse().unwrap();
        let hashes = of.iter().map(|(user, password, cost)| ((*user).to_owned(), hash(password, *cost)));
        Users::new(hashes.collect()).unwrap()
    }

    fn basic(credentials: &str) -> HeaderValue {
        format!("Basic {}", BASE64_STANDARD.encode(credentials)).parse().unwrap()
    }

    #[test]
    fn who_hangs_up_does_not_have_two_passwords_tried_at_once() {
        let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let users = users(&[("a", "right", 4)]);
            // nothing is tried before this
            let (go, wait) = std::sync::mpsc::channel::<()>();
            spawn_blocking(move || wait.recv());
            let wrong = basic("a:wrong");
            assert!(poll!(pin!(users.admit(Some(&wrong)))).is_pending());
            assert_eq!(users.tried.turn.available_permits(), 0);
            drop(go);
            assert_eq!(users.admit(Some(&basic("a:right"))).await, Ok(()));
            assert_eq!(users.tried.turn.available_permits(), 1);
        });
    }

    #[tokio::test]
    async fn a_change_of_the_users_leaves_those_known_whose_hash_is_the_same() {
        let before = users(&[("a", "right", 4), ("b", "right", 4)]);
        let (a, b) = (basic("a:right"), basic("b:right"));
        for user in [&a, &b] {
            assert_eq!(before.admit(Some(user)).await, Ok(()));
        }
        let mut after = users(&[("b", "other", 4), ("c", "new", 4)]);
        // one that has left, whose hash somebody else has now
        let mut renamed = users(&[]);
        renamed.hashes.insert("c".into(), before.hashes["a"].clone());
        renamed.succeed(&before);
        assert_eq!(renamed.admit(Some(&a)).await, Err(Refusal::Unknown));
        after.hashes.insert("a".into(), before.hashes["a"].clone());
        after.succeed(&before);
        let turn = after.tried.turn.acquire().await.unwrap();
        assert_eq!(after.admit(Some(&a)).await, Ok(()));
        assert!(poll!(pin!(after.admit(Some(&b)))).is_pending());
        drop(turn);
        assert_eq!(after.admit(Some(&b)).await, Err(Refusal::Unknown));
    }

    #[tokio::test]
    async fn no_name_can_be_told_from_another_by_how_long_a_guess_takes() {
        let users = users(&[("a", "right", 4), ("b", "right", 9)]);
        let mut least = [Duration::MAX; 3];
        // in turns: what else the machine does slows them all
        for _ in 0..5 {
            for (guess, least) in ["a:wrong", "b:wrong", "nobody:wrong"].iter().zip(&mut least) {
                let started = Instant::now();
                assert_eq!(users.admit(Some(&basic(guess))).await, Err(Refusal::Unknown));
                *least = started.elapsed().min(*least);
            }
        }
        // what costs 4 alone would be 32 times as fast as what costs 9
        let (quickest, slowest) = (least.iter().min().unwrap(), least.iter().max().unwrap());
        assert!(*slowest < *quickest * 3, "{least:?}");
    }

    #[tokio::test]
    async fn beyond_eight_who_wait_nobody_waits_without_end() {
        let users = users(&[("a", "right", 4)]);
        let right = basic("a:right");
        let turn = users.tried.turn.acquire().await.unwrap();
        let mut waiting: Vec<_> = (0..8).map(|_| Box::pin(users.admit(Some(&right)))).collect();
        for one in &mut waiting {
            assert!(poll!(one).is_pending());
        }
        assert_eq!(users.admit(Some(&right)).await, Err(Refusal::Busy));
        drop((waiting.pop(), turn));
        assert_eq!(join_all(waiting).await, [Ok(()); 7]);
        assert_eq!(users.admit(Some(&basic("a:wrong"))).await, Err(Refusal::Unknown));
    }
}
