//! Concurrent probes in a limited number of slots, but only one at a time to each address.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::pin;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::{End, Probed, Prober, Target};
use crate::domain::ProbeFailure;

/// A probe that takes longer frees its slot and continues in the slow lane, so that origins that hang do not
/// delay the others until they time out.
const PATIENCE: Duration = Duration::from_secs(1);

/// The number of slots in the slow lane per regular slot. If the lane is full, slow probes keep their slots.
const SLOW_LANE: usize = 4;

impl Prober {
    /// Probes each target, and calls `report` with its index and result, in the order in which probes end.
    ///
    /// Targets with the same address are probed one after another, since some servers serve one client at a time. If an
    /// address does not answer, all of its targets get that result, since probing a thousand of them would take hours.
    pub async fn probe_all(&self, targets: &[Target], report: impl FnMut(usize, Probed)) {
        let mut order: Vec<_> = (0..targets.len()).collect();
        order.sort_by_key(|index| &targets[*index].address);
        let same = |one: &usize, other: &usize| targets[*one].address == targets[*other].address;
        let groups = groups(&order, same);
        let probe = |index: usize| self.probe_contained(&targets[index]);
        run(&order, groups, self.options.max_concurrent, probe, is_dead, report).await;
    }
}

/// Returns true if nothing answers at the address, whatever the request.
fn is_dead(probed: &Probed) -> bool {
    let end = probed.observation.end;
    !probed.is_up && matches!(end, End::Failed(ProbeFailure::NotReachable | ProbeFailure::TimedOut))
}

/// Splits `order` between neighbours that differ.
fn groups(order: &[usize], same: impl FnMut(&usize, &usize) -> bool) -> VecDeque<Range<usize>> {
    let mut start = 0;
    let ranges = order.chunk_by(same).map(|chunk| {
        let range = start..start + chunk.len();
        start = range.end;
        range
    });
    ranges.collect()
}

/// Runs the probes in `order`. The probes of a group run one after another. A result that is final for the group is
/// reported for its remaining probes.
async fn run<R: Clone, F: Future<Output = R>>(
    order: &[usize],
    mut groups: VecDeque<Range<usize>>,
    slots: usize,
    probe: impl Fn(usize) -> F,
    is_final: impl Fn(&R) -> bool,
    mut report: impl FnMut(usize, R),
) {
    let (fast, slow) = (Semaphore::new(slots), Semaphore::new(slots * SLOW_LANE));
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            // a probe takes memory only once it has a slot
            Ok(slot) = fast.acquire(), if !groups.is_empty() => {
                if let Some(mut group) = groups.pop_front()
                    && let Some(index) = group.next()
                {
                    let probing = probe(order[index]);
                    let slow = &slow;
                    running.push(async move { (order[index], in_lanes(probing, slot, slow).await, group) });
                }
            }
            Some((index, result, group)) = running.next() => {
                if is_final(&result) {
                    group.for_each(|index| report(order[index], result.clone()));
                } else if !group.is_empty() {
                    groups.push_back(group);
                }
                report(index, result);
            }
            else => return,
        }
    }
}

/// Runs a probe in its slot, and after [`PATIENCE`] in the slow lane.
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

    /// Runs probes that take as long as `takes` says, and returns when each was done. Probes whose numbers
    /// are equal modulo `addresses` have the same address.
    async fn done(
        count: usize,
        slots: usize,
        addresses: usize,
        takes: impl Fn(usize) -> u64,
    ) -> (Vec<u64>, usize) {
        let mut order: Vec<_> = (0..count).collect();
        order.sort_by_key(|index| index % addresses);
        let groups = groups(&order, |one, other| one % addresses == other % addresses);
        let (start, running, most) = (Instant::now(), Cell::new(0), Cell::new(0));
        let busy = RefCell::new(vec![false; addresses]);
        let times = RefCell::new(vec![0; count]);
        let (busy, running, most, takes) = (&busy, &running, &most, &takes);
        let probe = |index: usize| async move {
            assert!(
                !std::mem::replace(&mut busy.borrow_mut()[index % addresses], true),
                "two probes of one address"
            );
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            sleep(Duration::from_millis(takes(index))).await;
            running.set(running.get() - 1);
            busy.borrow_mut()[index % addresses] = false;
            u64::try_from(start.elapsed().as_millis()).unwrap()
        };
        run(&order, groups, slots, probe, |_| false, |index, time| times.borrow_mut()[index] = time).await;
        (times.into_inner(), most.get())
    }

    #[tokio::test(start_paused = true)]
    async fn each_target_is_probed_with_no_more_probes_at_once_than_slots() {
        let (times, most) = done(100, 10, 100, |_| 100).await;
        assert_eq!((times.iter().max(), most), (Some(&1000), 10));
        assert!(times.iter().all(|time| *time > 0));
        assert_eq!(done(0, 10, 1, |_| 100).await.1, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_probes_free_their_slots_after_a_second() {
        // the first 40 hang
        let (times, most) = done(140, 10, 140, |index| if index < 40 { 10_000 } else { 100 }).await;
        let (slow, healthy) = times.split_at(40);
        assert!(healthy.iter().all(|time| *time <= 5000), "{healthy:?}");
        // a slow probe is not restarted
        assert_eq!(slow.iter().max(), Some(&13_000));
        assert!(most <= 50, "{most}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_slow_lane_bounds_the_number_of_probes() {
        let (times, most) = done(200, 10, 200, |_| 10_000).await;
        assert_eq!(most, 50);
        assert!(times.iter().max() <= Some(&50_000), "{times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn probes_of_one_address_wait_for_one_another_but_delay_no_others() {
        let (times, most) = done(30, 10, 3, |index| if index % 3 == 0 { 2000 } else { 10 }).await;
        assert_eq!(most, 3);
        for (index, time) in times.iter().enumerate() {
            assert_eq!(*time, (index / 3 + 1) as u64 * if index % 3 == 0 { 2000 } else { 10 });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreachable_address_is_probed_once_for_all_its_targets() {
        let order: Vec<_> = (0..2000).collect();
        let groups = groups(&order, |one, other| one / 1000 == other / 1000);
        let (start, probes, reported) = (Instant::now(), Cell::new(0), RefCell::new(vec![0; 2000]));
        let probe = |index: usize| {
            probes.set(probes.get() + 1);
            let is_dead = index < 1000;
            async move {
                sleep(Duration::from_millis(if is_dead { 10_000 } else { 1 })).await;
                is_dead
            }
        };
        run(&order, groups, 16, probe, |is_dead| *is_dead, |index, _| reported.borrow_mut()[index] += 1)
            .await;
        assert_eq!((start.elapsed(), probes.get()), (Duration::from_secs(10), 1001));
        assert!(reported.borrow().iter().all(|times| *times == 1));
    }
}
