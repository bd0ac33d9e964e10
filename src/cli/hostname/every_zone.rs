//! The associations of all watched zones, read by one poll.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{anyhow, bail, ensure};
use tokio::time::Instant;

use super::Format;
use super::rows::{self, Row};
use crate::cli::access::{Access, names};
use crate::cli::check::UNKNOWN;
use crate::cli::polled::Polled;
use crate::clock::Clock;
use crate::cloudflare::Purpose;
use crate::config::Config;
use crate::daemon::Accounts;
use crate::domain::{Association, Expected, Extent, Judge, PatternTarget, Snapshot, Targets, ZoneTarget};
use crate::telemetry::Telemetry;

/// Prints the hostnames of all zones. The exit code is 0 only if all of them could be read.
pub(super) async fn list(access: &Access, format: Format) -> anyhow::Result<ExitCode> {
    let config = config(access).await?;
    let (telemetry, clock) = (Arc::new(Telemetry::new()?), Clock::system());
    let accounts = Accounts::new(Arc::clone(&telemetry), clock.clone()).update(&config.accounts)?;
    let mut polled = Polled::new(&config.targets, accounts, access.timeout, &telemetry, &clock);
    polled.poll(Instant::now() + access.timeout).await;

    let judge = Judge::new(polled.kept.snapshot(), config.serving.view.thresholds, clock.now().into());
    let rows = rows(judge.snapshot(), &judge);
    if rows.is_empty() && judge.snapshot().zones().is_empty() {
        crate::cli::print_error(&anyhow!("the patterns match no active zone that the token sees"));
        return Ok(ExitCode::from(UNKNOWN));
    }
    let is_whole = !rows.iter().any(Row::is_unread);
    crate::cli::print(&match format {
        Format::Table => rows::table(&rows, judge.now(), true),
        Format::Json => rows::array(rows)?,
    })?;
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(UNKNOWN) })
}

/// Returns the configuration reduced to the selected accounts and to associations, with the token named on the command
/// line.
async fn config(access: &Access) -> anyhow::Result<Config> {
    let token = access.token()?;
    let mut config = access.load(Purpose::List).await?;
    let names = names(&config);
    if let Some(name) = &access.account {
        config.accounts.retain(|account| *account.options.account == **name);
        ensure!(
            !config.accounts.is_empty(),
            "--account: the configuration has no account {name}; it has {names}"
        );
    }
    if let Some(token) = token {
        let [account] = &mut config.accounts[..] else {
            bail!("--account: the configuration has several accounts; choose one of {names}")
        };
        account.token = token;
    }
    let is_read = |name: &str| config.accounts.iter().any(|account| *account.options.account == *name);
    let zones = config.targets.zones().iter().filter(|zone| is_read(zone.account()));
    let zones = zones.map(|zone| ZoneTarget::clone(zone).with_extent(associations(zone.extent())));
    let patterns = config.targets.patterns().iter().filter(|pattern| is_read(&pattern.account));
    let patterns = patterns.map(|pattern| PatternTarget {
        extent: associations(pattern.extent),
        ..PatternTarget::clone(pattern)
    });
    config.targets = Targets::new(zones).with_patterns(patterns.collect());
    let read = config.targets.accounts();
    config.accounts.retain(|account| read.contains(&account.options.account));
    Ok(config)
}

/// Returns an extent of all associations and nothing else. A hostname that is not configured may have any association.
fn associations(configured: Extent) -> Extent {
    let discovered = configured.discovered.or(Some(Expected::Any));
    Extent { discovered, ignored: configured.ignored, ..Extent::default() }
}

/// Returns a row for each association, and one for each zone or account that could not be read.
fn rows<'a>(snapshot: &'a Snapshot, judge: &Judge) -> Vec<Row<'a>> {
    let accounts = snapshot.accounts().iter();
    let unlisted = accounts.filter(|account| account.zone_list().is_some_and(|list| !list.part.is_up()));
    let mut rows: Vec<_> =
        unlisted.map(|account| Row::unread(account.name(), None, judge.tell_account(account))).collect();
    for zone in snapshot.zones() {
        if !zone.is_up() {
            rows.push(Row::unread(zone.account(), Some(zone.key().as_str()), judge.tell_zone(zone)));
        }
        let shown = zone.entries().iter().filter(|entry| match entry.association() {
            Some(association) => association != Association::None,
            // if nothing of the zone was read, the row of the zone says so
            None => zone.is_up(),
        });
        rows.extend(shown.map(|entry| Row::polled(zone, entry, judge)));
    }
    rows
}
