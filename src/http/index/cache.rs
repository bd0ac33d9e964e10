//! A cache of the latest snapshot's index, which all requests within a minute share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::Index;
use crate::domain::{Date, Judge, Snapshot, Thresholds};

/// The lifetime of an index in seconds, which is also the maximum age of its verdicts and spans.
const KEPT: i64 = 60;

/// The cached index.
#[derive(Default)]
pub(in crate::http) struct Indexes(Arc<Mutex<Option<Kept>>>);

/// An index, finished or being built, and its inputs.
struct Kept {
    snapshot: Arc<Snapshot>,
    thresholds: Thresholds,
    minute: i64,
    index: Building,
}

type Building = Shared<BoxFuture<'static, Option<Arc<Index>>>>;

impl Indexes {
    /// Returns the index of a snapshot, or none if building it panicked. It is built on a blocking thread, at
    /// most once per snapshot, thresholds and minute.
    pub(in crate::http) async fn get(
        &self,
        snapshot: Arc<Snapshot>,
        thresholds: Thresholds,
        now: Date,
    ) -> Option<Arc<Index>> {
        let index = self.kept_or_new(snapshot, thresholds, now);
        index.await
    }

    fn kept_or_new(&self, snapshot: Arc<Snapshot>, thresholds: Thresholds, now: Date) -> Building {
        let minute = now.as_second().div_euclid(KEPT);
        let mut kept = lock(&self.0);
        if let Some(kept) = &*kept
            && Arc::ptr_eq(&kept.snapshot, &snapshot)
            && (kept.thresholds, kept.minute) == (thresholds, minute)
        {
            return kept.index.clone();
        }
        let (judged, before) = (Arc::clone(&snapshot), kept.take());
        let build = spawn_blocking(move || {
            // frees an old snapshot, which takes time as well
            drop(before);
            Arc::new(Index::new(Judge::new(judged, thresholds, now)))
        });
        let index = async { build.await.ok() }.boxed().shared();
        tokio::spawn(forget(Arc::downgrade(&self.0), Arc::downgrade(&snapshot), minute));
        *kept = Some(Kept { snapshot, thresholds, minute, index: index.clone() });
        index
    }
}

/// Drops an index once it has expired, since it keeps an outdated snapshot in memory.
async fn forget(kept: Weak<Mutex<Option<Kept>>>, snapshot: Weak<Snapshot>, minute: i64) {
    sleep(Duration::from_secs(KEPT.unsigned_abs())).await;
    if let Some(kept) = kept.upgrade() {
        let is_it =
            |kept: &mut Kept| Arc::as_ptr(&kept.snapshot) == snapshot.as_ptr() && kept.minute == minute;
        let old = lock(&kept).take_if(is_it);
        spawn_blocking(move || drop(old));
    }
}

fn lock(kept: &Mutex<Option<Kept>>) -> MutexGuard<'_, Option<Kept>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn an_index_is_built_once_per_snapshot_and_minute() {
        let indexes = Indexes::default();
        let snapshot = Arc::new(Snapshot::default());
        let at = |second| jiff::Timestamp::from_second(second).unwrap().into();
        let get = async |snapshot: &Arc<Snapshot>, second| {
            indexes.get(Arc::clone(snapshot), Thresholds::default(), at(second)).await.unwrap()
        };
        let first = get(&snapshot, 60).await;
        for same in join_all((60..120).map(|second| get(&snapshot, second))).await {
            assert!(Arc::ptr_eq(&same, &first));
        }
        assert!(!Arc::ptr_eq(&get(&snapshot, 120).await, &first));
        let together = join_all((0..8).map(|_| get(&snapshot, 60))).await;
        assert!(together.iter().all(|index| Arc::ptr_eq(index, &together[0])));
        assert!(!Arc::ptr_eq(&get(&Arc::new(Snapshot::default()), 60).await, &together[0]));
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_index_keeps_no_snapshot_in_memory() {
        let (indexes, snapshot) = (Indexes::default(), Arc::new(Snapshot::default()));
        let now = jiff::Timestamp::UNIX_EPOCH.into();
        drop(indexes.get(Arc::clone(&snapshot), Thresholds::default(), now).await);
        assert!(Arc::strong_count(&snapshot) > 1);
        sleep(Duration::from_secs(61)).await;
        assert!(lock(&indexes.0).is_none());
    }
}
