//! The timeline: how many certificates of hostnames end in each of the next 52 weeks.

use super::rows::left;
use super::words::day;
use crate::domain::{Date, Verdict};
use crate::http::index::Index;
use crate::http::query::{Cursor, Query, Sort, SortKey};

const DAY: i64 = 86_400;
const WEEK: i64 = 7 * DAY;
const WEEKS: usize = 52;
/// The height of the largest bar.
const HEIGHT: usize = 64;
const SMALLEST: usize = 4;

/// A week in which certificates end.
pub(super) struct Week {
    pub(super) count: usize,
    pub(super) begins: String,
    pub(super) href: String,
    pub(super) verdict: &'static str,
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) height: usize,
}

/// Returns the weeks in which certificates end, in order.
pub(super) fn weeks(index: &Index) -> Vec<Week> {
    let judge = index.judge();
    let now = judge.now().as_second();
    let start = now.div_euclid(DAY) * DAY;
    let mut counts = [0_usize; WEEKS];
    // the severity of the first end of each week
    let mut verdicts = [Verdict::Ok; WEEKS];
    let ends = index.hostnames().rows(judge, Sort::Ends).map_while(|row| row.ends);
    for end in ends.skip_while(|end| end.as_second() < now) {
        let week = usize::try_from((end.as_second() - start).div_euclid(WEEK)).ok();
        let Some(week) = week.filter(|week| *week < WEEKS) else { break };
        if counts[week] == 0 {
            verdicts[week] = left(end, judge);
        }
        counts[week] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or_default().max(1);
    let shown = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
    shown
        .map(|(week, count)| {
            let begins = start + WEEK * i64::try_from(week).unwrap_or_default();
            let height = (count * HEIGHT / most).max(SMALLEST);
            Week {
                count,
                begins: day(date(begins)),
                href: from(begins.max(now)),
                verdict: verdicts[week].label(),
                x: week * 20 + 2,
                y: 70 - height,
                height,
            }
        })
        .collect()
}

/// Returns the first day of every fourth week.
pub(super) fn labels(now: Date) -> Vec<String> {
    let begins = |week: i64| date(now.as_second() + 4 * week * WEEK);
    (0..13).map(|week| jiff::Timestamp::from(begins(week)).strftime("%-d %b").to_string()).collect()
}

/// Returns a link to the hostnames by end, starting at this second.
fn from(second: i64) -> String {
    // sorts after all zone names
    let key = SortKey { verdict: Verdict::Ok, ends: second - 1, zone: "~", name: "", level: "" };
    let cursor = Some(Cursor::new(Sort::Ends, &key));
    format!("/{}", Query { cursor, ..Query::all(Sort::Ends) })
}

fn date(second: i64) -> Date {
    jiff::Timestamp::from_second(second).unwrap_or_default().into()
}
