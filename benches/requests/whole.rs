//! Measures whole accounts watched by a pattern, and compares them with the limits.

use std::time::Duration;

use super::hours::{Case, GAP, JITTER, Measured, QUOTA};
use super::process;

const HOUR: Duration = Duration::from_secs(3600);

/// The limits.
struct Limits {
    /// The requests of a poll on average, and at most.
    requests: Option<(f64, f64)>,
    /// The time between two readings of parts that contain something, and of the others. Without `rest`, the limit is
    /// the reported interval.
    holding: Duration,
    rest: Option<Duration>,
}

/// Prints the figures, and returns true if all are within the limits.
pub(crate) fn accounts() -> bool {
    println!(
        "\nwhole accounts, {QUOTA} requests in {}, polls every {} and up to {} late, in paused time:",
        shown(GAP),
        shown(GAP),
        shown(JITTER)
    );
    let mut held = true;
    let any = f64::from(QUOTA);
    // only accounts with these numbers of zones
    let wanted: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    for (zones, holding, zone_level, polls, limits) in [
        (2000, 50, false, 60, Limits { requests: Some((290.0, 330.0)), holding: GAP, rest: Some(HOUR) }),
        (2000, 50, true, 60, Limits { requests: None, holding: GAP, rest: Some(2 * HOUR) }),
        (300, 300, true, 60, Limits { requests: None, holding: 2 * GAP, rest: Some(HOUR) }),
        (10_000, 200, true, 255, Limits { requests: Some((any, any)), holding: GAP, rest: None }),
    ] {
        if !wanted.is_empty() && !wanted.contains(&zones) {
            continue;
        }
        let level = if zone_level { ", with zone_level" } else { "" };
        println!("\n{zones} zones, {holding} of them with associations{level}:");
        let measured = Case { zones, holding, zone_level, polls }.run();
        held &= measured.show(&limits);
        if zones == 10_000 {
            let planning = measured.planning.iter().map(|time| time.as_secs_f64() * 1e3);
            let planning: Vec<f64> = planning.collect();
            let middle = planning[planning.len() / 2];
            println!("    at worst {:.1} ms:", planning[planning.len() - 1]);
            held &= figure(
                "    from a tick to the first request, the planner's processor time",
                middle,
                "ms",
                5.0,
            );
            held &= process::figures();
        }
    }
    held
}

impl Measured {
    fn show(&self, limits: &Limits) -> bool {
        let Self { everything, first_pass, requests, refused, longest, .. } = self;
        let needed = GAP.mul_f64(*everything as f64 / f64::from(QUOTA));
        println!(
            "    reading everything in every poll: {everything} requests a poll, which would take {}",
            shown(needed)
        );
        println!("    everything was read once after {first_pass} polls; then, in {} polls:", requests.len());
        let average = requests.iter().sum::<usize>() as f64 / requests.len() as f64;
        let most = requests.iter().copied().max().unwrap_or_default() as f64;
        let (any, most_of_any) = limits.requests.unwrap_or((f64::INFINITY, f64::INFINITY));
        let mut held = figure("    requests a poll on average", average, "", any);
        held &= figure("    requests in any poll", most, "", most_of_any);
        held &= figure("    requests over Cloudflare's rate limit", *refused as f64, "", 0.0);
        for (holds, (measured, told)) in longest {
            let what = if *holds { "parts that hold something" } else { "all other parts" };
            let limit = if *holds { Some(limits.holding + JITTER) } else { limits.rest };
            let limit = limit.unwrap_or(*told + *told / 50 + GAP + JITTER);
            let is_kept = *measured <= limit + Duration::from_secs(1);
            // GAP: a due part waits for the next tick. 1/50: the hourly list of zones uses a little of the quota.
            let is_true = *measured <= *told + *told / 50 + GAP + JITTER && *told <= *measured + GAP;
            println!(
                "    {what}: longest time between two readings {}, at most {}; the metric says {}{}{}",
                shown(*measured),
                shown(limit),
                shown(*told),
                if is_kept { "" } else { "  MISSED" },
                if is_true { "" } else { "  NOT TRUE" }
            );
            held &= is_kept && is_true;
        }
        held
    }
}

/// Prints a figure and its limit, and returns true if the figure is within the limit.
pub(crate) fn figure(what: &str, value: f64, unit: &str, limit: f64) -> bool {
    let held = value <= limit;
    let bound = if limit.is_finite() { format!(", at most {limit}") } else { String::new() };
    let verdict = if held { "" } else { "  MISSED" };
    println!("{what}: {value:.1}{}{unit}{bound}{verdict}", if unit.is_empty() { "" } else { " " });
    held
}

/// Formats hours, minutes and seconds.
fn shown(time: Duration) -> String {
    let seconds = time.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}"));
    parts.collect::<Vec<_>>().join(" ")
}
