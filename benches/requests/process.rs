//! Measures the program with 10,000 zones: its memory, and the time until it serves the readings of a state file.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use cloudflare_aop_exporter::simulator;
use jiff::SignedDuration;
use tokio::sync::oneshot;

use super::support::harness::{Api, hostname, now, world};
use super::support::program::{Folder, Running, program};
use super::whole::figure;

const ZONES: usize = 10_000;
const HOLDING: usize = 200;
const MEMORY: f64 = 60.0;
const START: f64 = 1000.0;
const ROUNDS: usize = 5;

/// Prints the figures, and returns true if they are within the limits.
pub(crate) fn figures() -> bool {
    let (_stop, base_url) = simulated();
    let folder = Folder::new();
    let state = folder.path("state.json");
    let start = |schedule: &str, quota: &str| {
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[poll]\nschedule = \"{schedule}\"\nstate_file = {state:?}\n\
             [[account]]\nbase_url = \"{base_url}\"\napi_token_env = \"AOP_TOKEN\"\nrate_limit = {quota}\n\
             [[account.zone]]\nname = \"*\"\nzone_level = true\n"
        );
        let config = folder.write("config.toml", &config);
        let mut command = program(&["--log-level", "info", "serve", "--config", &config]);
        Running::start_command(command.env("AOP_TOKEN", simulator::Options::default().token))
    };
    // everything in one poll, which takes far more memory than polls limited by a quota
    let mut all = start("0 0 0 1 1 *", "{ requests = 1000000, per = \"1s\" }");
    while !all.get("/-/ready").starts_with("HTTP/1.1 200") {
        sleep(Duration::from_millis(100));
    }
    let page = all.get("/metrics");
    println!("    resident after everything was read at once: {:.1} MB", resident(&all));
    assert_eq!(shown(&page), HOLDING, "not everything was read");
    all.stop("TERM");
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = super::hours::wall();
            let mut again = start("0 */5 * * * *", "{ requests = 600, per = \"5m\" }");
            while shown(&again.get("/metrics")) < HOLDING {
                sleep(Duration::from_millis(1));
            }
            let took = started.elapsed().as_secs_f64() * 1e3;
            again.stop("TERM");
            took
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let watching = start("0 */5 * * * *", "{ requests = 600, per = \"5m\" }");
    // waits until the first poll sends no more requests, possibly because its quota is used up
    let mut before = 0.0;
    loop {
        sleep(Duration::from_secs(3));
        let now = sent(&watching.get("/metrics"));
        if now > 0.0 && now.total_cmp(&before).is_eq() {
            break println!("    requests of a start with the state file: {now}");
        }
        before = now;
    }
    let memory = resident(&watching);
    figure("    resident after that and a page of all zones", memory, "MB", MEMORY)
        & figure(
            "    from the start to a page with all that the state file knows",
            times[ROUNDS / 2],
            "ms",
            START,
        )
}

/// Starts a simulated account on its own thread. Returns a handle that stops it on drop, and the base URL.
fn simulated() -> (oneshot::Sender<()>, String) {
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut world = world(&[]);
        for number in 1..ZONES {
            let name = format!("zone-{number:05}.example");
            let zone = world.add_zone(&name.parse().unwrap());
            if number % (ZONES / HOLDING) == 0 || number == 1 {
                let id = zone.add_certificate(now() + SignedDuration::from_hours(90 * 24)).unwrap();
                zone.associate(&hostname(&format!("www.{name}")), &id, Some(true)).unwrap();
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            tell.send(Api::start(world).await.base_url).unwrap();
            // an error also means the end
            let _ = stopped.await;
        });
    });
    (stop, told.recv().unwrap())
}

/// Returns the number of hostnames on a page.
fn shown(page: &str) -> usize {
    page.lines().filter(|line| line.starts_with("cloudflare_aop_hostname_up{")).count()
}

/// Returns the number of requests to the API so far.
fn sent(page: &str) -> f64 {
    let of_all = page.lines().filter(|line| line.starts_with("cloudflare_aop_api_requests_total{"));
    of_all.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// Returns the resident memory in megabytes, including mapped files.
fn resident(program: &Running) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", program.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0 / 1e6
}
