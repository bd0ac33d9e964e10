//! Basic authentication (RFC 7617). Passwords are stored as bcrypt hashes, which makes guessing slow.

mod cache;
mod hash;
mod throttle;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Once};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::HeaderValue;
use tokio::task::spawn_blocking;

use cache::Cache;
use throttle::Throttle;

pub use cache::NoRandomness;
pub use hash::{Hash, HashError};

/// bcrypt's limit on the length of a password. It ignores all later bytes, so longer passwords could match each other.
const MAX_PASSWORD_LEN: usize = 72;

/// The users and the hashes of their passwords.
#[derive(Clone)]
pub struct Users {
    hashes: BTreeMap<String, Hash>,
    /// The state that survives a change of the users.
    shared: Arc<Shared>,
}

struct Shared {
    cache: Cache,
    throttle: Throttle,
    /// Limits the warning about overlong passwords to one.
    warn_long_password: Once,
}

/// The reason why a client is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No user has this name and password.
    Unknown,
    /// Too many password checks are queued, or the client hung up while its own was queued.
    Busy,
}

impl Users {
    /// Creates the users from hashes by user name.
    ///
    /// # Errors
    /// Fails if the system provides no random numbers.
    pub fn new(hashes: BTreeMap<String, Hash>) -> Result<Self, NoRandomness> {
        let shared =
            Shared { cache: Cache::new()?, throttle: Throttle::new(), warn_long_password: Once::new() };
        Ok(Self { hashes, shared: Arc::new(shared) })
    }

    /// Takes over the cache of `before`, so that passwords of unchanged users need not be checked again.
    pub(super) fn inherit(&mut self, before: &Self) {
        self.shared = Arc::clone(&before.shared);
    }

    /// Checks `Authorization` against the users.
    ///
    /// Once `gone` resolves, the client leaves the queue to make room for others.
    pub(super) async fn check(
        &self,
        authorization: Option<&HeaderValue>,
        gone: impl Future<Output = ()>,
    ) -> Result<(), Refusal> {
        let (user, password) = authorization.and_then(credentials).ok_or(Refusal::Unknown)?;
        if password.len() > MAX_PASSWORD_LEN {
            self.shared.warn_long_password.call_once(|| {
                tracing::warn!("a client sent a password of more than {MAX_PASSWORD_LEN} bytes, which never matches because bcrypt ignores the rest; choose a shorter one (logged once)");
            });
            return Err(Refusal::Unknown);
        }
        let costliest = self.hashes.values().max_by_key(|hash| hash.cost()).ok_or(Refusal::Unknown)?;
        let (hash, is_user) = match self.hashes.get(&user) {
            Some(hash) => (hash, true),
            // an unknown name is checked too, or else the response time would reveal which names exist
            None => (costliest, false),
        };
        let Shared { cache, throttle, .. } = &*self.shared;
        let tag = cache.tag(&user, hash, &password);
        if is_user && cache.contains(&user, &tag) {
            return Ok(());
        }
        let (_waiting, turn) = throttle.turn(gone).await.ok_or(Refusal::Busy)?;
        // another request with the same password may have been checked in the meantime
        if is_user && cache.contains(&user, &tag) {
            return Ok(());
        }
        let (shared, hash, highest) = (Arc::clone(&self.shared), hash.clone(), costliest.cost());
        let check = spawn_blocking(move || {
            // the check holds its turn and continues even if the client hangs up
            let _turn = turn;
            let correct = hash.verify(&password, highest) && is_user;
            if correct {
                shared.cache.insert(user, tag);
            }
            correct
        });
        if check.await.unwrap_or(false) { Ok(()) } else { Err(Refusal::Unknown) }
    }
}

/// Parses the user and password of the scheme `Basic`.
fn credentials(authorization: &HeaderValue) -> Option<(String, Vec<u8>)> {
    let (scheme, encoded) = authorization.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    Some((user, decoded[colon + 1..].to_vec()))
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.hashes.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
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

    impl Users {
        /// Checks the credentials of a client that does not hang up.
        async fn check_patiently(&self, authorization: Option<&HeaderValue>) -> Result<(), Refusal> {
            self.check(authorization, pending()).await
        }
    }

    fn basic(credentials: &str) -> HeaderValue {
        format!("Basic {}", BASE64_STANDARD.encode(credentials)).parse().unwrap()
    }

    #[test]
    fn a_client_that_hangs_up_cannot_have_two_passwords_checked_at_once() {
        let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let users = users(&[("a", "right", 4)]);
            // blocks the only worker thread until this is dropped
            let (go, wait) = std::sync::mpsc::channel::<()>();
            spawn_blocking(move || wait.recv());
            let wrong = basic("a:wrong");
            assert!(poll!(pin!(users.check_patiently(Some(&wrong)))).is_pending());
            assert_eq!(users.shared.throttle.running.available_permits(), 0);
            drop(go);
            assert_eq!(users.check_patiently(Some(&basic("a:right"))).await, Ok(()));
            assert_eq!(users.shared.throttle.running.available_permits(), 1);
        });
    }

    #[tokio::test]
    async fn after_a_reload_unchanged_users_stay_in_the_cache() {
        let before = users(&[("a", "right", 4), ("b", "right", 4)]);
        let (a, b) = (basic("a:right"), basic("b:right"));
        for user in [&a, &b] {
            assert_eq!(before.check_patiently(Some(user)).await, Ok(()));
        }
        let mut after = users(&[("b", "other", 4), ("c", "new", 4)]);
        // user b's hash moves to user c
        let mut renamed = users(&[]);
        renamed.hashes.insert("c".into(), before.hashes["a"].clone());
        renamed.inherit(&before);
        assert_eq!(renamed.check_patiently(Some(&a)).await, Err(Refusal::Unknown));
        after.hashes.insert("a".into(), before.hashes["a"].clone());
        after.inherit(&before);
        let turn = after.shared.throttle.running.acquire().await.unwrap();
        assert_eq!(after.check_patiently(Some(&a)).await, Ok(()));
        assert!(poll!(pin!(after.check_patiently(Some(&b)))).is_pending());
        drop(turn);
        assert_eq!(after.check_patiently(Some(&b)).await, Err(Refusal::Unknown));
    }

    #[tokio::test]
    async fn the_time_of_a_check_does_not_reveal_which_names_exist() {
        let users = users(&[("a", "right", 4), ("b", "right", 9)]);
        let mut least = [Duration::MAX; 3];
        // alternating, so that other load on the machine slows all of them alike
        for _ in 0..5 {
            for (guess, least) in ["a:wrong", "b:wrong", "nobody:wrong"].iter().zip(&mut least) {
                let started = Instant::now();
                assert_eq!(users.check_patiently(Some(&basic(guess))).await, Err(Refusal::Unknown));
                *least = started.elapsed().min(*least);
            }
        }
        // without padding, cost 4 would be 32 times as fast as cost 9
        let (quickest, slowest) = (least.iter().min().unwrap(), least.iter().max().unwrap());
        assert!(*slowest < *quickest * 3, "{least:?}");
    }

    #[tokio::test]
    async fn a_ninth_check_is_refused_while_eight_are_queued() {
        let users = users(&[("a", "right", 4)]);
        let right = basic("a:right");
        let turn = users.shared.throttle.running.acquire().await.unwrap();
        let mut waiting: Vec<_> = (0..8).map(|_| Box::pin(users.check_patiently(Some(&right)))).collect();
        for one in &mut waiting {
            assert!(poll!(one).is_pending());
        }
        assert_eq!(users.check_patiently(Some(&right)).await, Err(Refusal::Busy));
        drop((waiting.pop(), turn));
        assert_eq!(join_all(waiting).await, [Ok(()); 7]);
        assert_eq!(users.check_patiently(Some(&basic("a:wrong"))).await, Err(Refusal::Unknown));
    }

    #[tokio::test]
    async fn a_client_that_hangs_up_while_queued_leaves_the_queue() {
        let users = users(&[("a", "right", 4)]);
        let right = basic("a:right");
        // with an empty queue, even a client that has shut down its sending side is checked
        assert_eq!(users.check(Some(&basic("a:wrong")), ready(())).await, Err(Refusal::Unknown));
        let turn = users.shared.throttle.running.acquire().await.unwrap();
        for _ in 0..20 {
            assert_eq!(users.check(Some(&right), ready(())).await, Err(Refusal::Busy));
        }
        let mut other = Box::pin(users.check_patiently(Some(&right)));
        assert!(poll!(&mut other).is_pending());
        drop(turn);
        assert_eq!(other.await, Ok(()));
    }
}
