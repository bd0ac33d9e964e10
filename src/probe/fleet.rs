//! Many probes at once: in a limited number of slots, and never two of one address at a time.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::pin;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::{Probed, Prober, Target};

/// A probe that takes longer gives its slot back, and goes on in the slow lane. So origins that hang do not hold up the
/// others until they time out.
const PATIENCE: Duration = Duration::from_secs(1);

/// The number of slots of the slow lane for each other slot. Once it is full, slow probes keep their slots.
const SLOW_LANE: usize = 4;

impl Prober {
    /// Probes each target, and calls `report` with its index and what was found, in the order in which probes end.
    ///
    /// Targets with one address are probed one after another: some servers serve one client at a time.
    pub async fn probe_all(&self, targets: &[Target], report: impl FnMut(usize, Probed)) {
        let mut order: Vec<_> = (0..targets.len()).collect();
        order.sort_by_key(|place| &targets[*place].address);
        let same = |one: &usize, other: &usize| targets[*one].address == targets[*other].address;
        let groups = groups(&order, same);
        let probe = |place: usize| self.probe_contained(&targets[place]);
        run(&order, groups, self.options.max_concurrent, probe, report).await;
    }
}

/// Splits `order` where neighbours differ.
fn groups(order: &[usize], same: impl FnMut(&usize, &usize) -> bool) -> VecDeque<Range<usize>> {
    let mut start = 0;
    let ranges = order.chunk_by(same).map(|chunk| {
        let range = start..start + chunk.len();
        start = range.end;
        range
    });
    ranges.collect()
}

/// Probes what stands in `order`, and the places of each group one after another.
async fn run<R, F: Future<Output = R>>(
    order: &[usize],
    mut groups: VecDeque<Range<usize>>,
    slots: usize,
    probe: impl Fn(usize) -> F,
    mut report: impl FnMut(usize, R),
) {
    let (fast, slow) = (Semaphore::new(slots), Semaphore::new(slots * SLOW_LANE));
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            // a probe takes memory only once it has its slot
            Ok(slot) = fast.acquire(), if !groups.is_empty() => {
                if let Some(mut group) = groups.pop_front()
                    && let Some(place) = group.next()
                {
                    let probing = probe(order[place]);
                    let slow = &slow;
                    running.push(async move { (order[place], in_lanes(probing, slot, slow).await, group) });
                }
            }
            Some((place, result, group)) = running.next() => {
                report(place, result);
                if !group.is_empty() {
                    groups.push_back(group);
                }
            }
            else => return,
        }
    }
}

/// Runs a probe in its slot, and after a while in the slow lane.
async fn in_lanes<R>(probing: impl Future<Output = R>, slot: SemaphorePermit<'_>, slow: &Semaphore) -> R {
    let mut probing = pin!(probing);
    if let Ok(result) = timeout(PATIENCE, probing.as_mut()).await {
        return result;
    }
    tokio::select! {
        result = probing.as_mut() => result,
        _slow = slow.acquire() => {
            drop(slot);
            probing.await
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use tokio::time::{Instant, sleep};

    use super::*;

    /// Runs probes that take the time that `takes` says, and returns when each was done. Probes whose number is equal
    /// modulo `addresses` have one address.
    async fn done(
        count: usize,
        slots: usize,
        addresses: usize,
        takes: impl Fn(usize) -> u64,
    ) -> (Vec<u64>, usize) {
        let mut order: Vec<_> = (0..count).collect();
        order.sort_by_key(|place| place % addresses);
        let groups = groups(&order, |one, other| one % addresses == other % addresses);
        let (start, running, most) = (Instant::now(), Cell::new(0), Cell::new(0));
        let busy = RefCell::new(vec![false; addresses]);
        let times = RefCell::new(vec![0; count]);
        let (busy, running, most, takes) = (&busy, &running, &most, &takes);
        let probe = |place: usize| async move {
            assert!(
                !std::mem::replace(&mut busy.borrow_mut()[place % addresses], true),
                "two of one address"
            );
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            sleep(Duration::from_millis(takes(place))).await;
            running.set(running.get() - 1);
            busy.borrow_mut()[place % addresses] = false;
            u64::try_from(start.elapsed().as_millis()).unwrap()
        };
        run(&order, groups, slots, probe, |place, time| times.borrow_mut()[place] = time).await;
        (times.into_inner(), most.get())
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_probed_and_no_more_at_a_time_than_there_are_slots() {
        let (times, most) = done(100, 10, 100, |_| 100).await;
        assert_eq!((times.iter().max(), most), (Some(&1000), 10));
        assert!(times.iter().all(|time| *time > 0));
        assert_eq!(done(0, 10, 1, |_| 100).await.1, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_ones_give_their_slots_back_after_a_second() {
        // the first 40 hang
        let (times, most) = done(140, 10, 140, |place| if place < 40 { 10_000 } else { 100 }).await;
        let (slow, healthy) = times.split_at(40);
        assert!(healthy.iter().all(|time| *time <= 5000), "{healthy:?}");
        // a slow one is not started anew
        assert_eq!(slow.iter().max(), Some(&13_000));
        assert!(most <= 50, "{most}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_slow_lane_bounds_what_runs() {
        let (times, most) = done(200, 10, 200, |_| 10_000).await;
        assert_eq!(most, 50);
        assert!(times.iter().max() <= Some(&50_000), "{times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn those_of_one_address_wait_for_one_another_and_others_do_not_wait_for_them() {
        let (times, most) = done(30, 10, 3, |place| if place % 3 == 0 { 2000 } else { 10 }).await;
        assert_eq!(most, 3);
        for (place, time) in times.iter().enumerate() {
            assert_eq!(*time, (place / 3 + 1) as u64 * if place % 3 == 0 { 2000 } else { 10 });
        }
    }
}
