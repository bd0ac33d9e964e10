//! Tests of changes of associations: the client's PUT, waiting, and the commands.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use cloudflare_aop_exporter::change::{Awaited, Desired, Phase, WaitPolicy, wait};
use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::cloudflare::Change;
use cloudflare_aop_exporter::domain::{Association, CertId, Reason, Status};
use cloudflare_aop_exporter::simulator::{
    AssociationChange, CertificateChange, Effect, Fault, Options, World,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::harness::{self, Asking, hostname, now, soon};

const TOKEN: &str = "a-token-that-nobody-may-see";
const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(100);

/// An API whose zone `example.com` has two certificates, and some hostnames that are enabled with the first one.
struct Api {
    api: harness::Api,
    old: CertId,
    new: CertId,
}

/// The result of a command.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Api {
    async fn start(hostnames: &[&str], deployment_delay: Duration) -> Self {
        let mut world = World::new(7, now()).unwrap();
        let zone = world.add_zone(&"example.com".parse().unwrap());
        let ends = now() + SignedDuration::from_hours(90 * 24);
        let [old, new] = [(); 2].map(|()| zone.add_certificate(ends).unwrap());
        for name in hostnames {
            zone.associate(&hostname(name), &old, Some(true)).unwrap();
        }
        let options = Options { token: TOKEN.into(), deployment_delay, ..Options::default() };
        Self { api: harness::Api::start_with(world, &options).await, old, new }
    }

    fn asking(&self) -> Asking {
        let mut asking = self.api.client();
        asking.token = tokio::sync::watch::Sender::new(TOKEN.parse().unwrap());
        asking
    }

    fn change(&self, name: &str, enabled: Option<bool>) -> Change {
        Change { hostname: hostname(name), cert_id: self.old.clone(), enabled }
    }

    /// Changes an association directly in the simulated API.
    fn set(&self, name: &str, change: AssociationChange) {
        self.api.simulator.with_world(|world| {
            world.zone("example.com").unwrap().change_association(&hostname(name), change, now()).unwrap();
        });
    }

    fn fault(&self, method: &str, effect: Effect) {
        self.api.simulator.add_fault(Fault::new(effect).on_method(method).on_path("/hostnames"));
    }

    fn puts(&self) -> u64 {
        self.api.simulator.requests().count("PUT", "")
    }

    /// Runs `hostname` with these arguments, and the API's address. Its standard input is not a terminal.
    async fn run(&self, arguments: &str) -> Ran {
        let reach = format!("--zone example.com --base-url {}", self.api.base_url);
        self.run_at(&format!("{arguments} {reach}"), TOKEN).await
    }

    async fn run_at(&self, arguments: &str, token: &str) -> Ran {
        let mut command = program();
        command.args(["hostname"]).args(arguments.split_whitespace()).env("CLOUDFLARE_API_TOKEN", token);
        finished(command).await
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloudflare-aop-exporter"));
    command.env_remove("CLOUDFLARE_API_TOKEN").stdin(Stdio::null());
    command
}

/// Runs a command, and asserts that its output shows no secret.
async fn finished(mut command: Command) -> Ran {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(!format!("{out}{err}").contains(TOKEN), "{out}{err}");
    assert!(!format!("{out}{err}").contains("PRIVATE KEY"), "{out}{err}");
    Ran { code: output.status.code().unwrap(), out, err }
}

/// Returns the days since the simulated certificates expired.
fn days_since_april() -> i64 {
    let expired: jiff::Timestamp = "2026-04-01T00:00:00Z".parse().unwrap();
    (Clock::system().now().as_second() - expired.as_second()) / 86_400
}

fn refused(code: u32, status: u16) -> Effect {
    Effect::Status { status, code, retry_after: None }
}

#[tokio::test]
async fn the_response_to_a_change_is_read_by_hostname_and_no_private_key_is_kept() {
    let api = Api::start(&["a.example.com", "b.example.com", "other.example.com"], HOUR).await;
    let client = api.asking().build();
    let changes = [api.change("b.example.com", None), api.change("a.example.com", Some(false))];
    let answered = client.put_hostnames(api.api.zone, &changes, soon()).await.unwrap();
    let found: Vec<_> =
        answered.iter().flatten().map(|reading| (reading.association, reading.status)).collect();
    assert_eq!(
        found,
        [
            (Association::Void, Some(Status::PendingDeletion)),
            (Association::Disabled, Some(Status::PendingDeployment))
        ]
    );
    assert!(!format!("{answered:?}").contains("PRIVATE"));
}

#[tokio::test]
async fn a_response_that_omits_a_hostname_is_no_error() {
    let api = Api::start(&["a.example.com"], HOUR).await;
    let client = api.asking().build();
    let row = |name: &str, more: Value| {
        let mut row = json!({"hostname": name, "private_key": "secret"});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    let changes = ["a.example.com", "b.example.com", "c.example.com"].map(|name| api.change(name, None));
    for (result, expected) in [
        (json!(null), [None, None, None]),
        (json!([]), [None, None, None]),
        (
            json!([
                {"enabled": true},
                row("z.example.com", json!({"enabled": true})),
                row("C.example.com.", json!({"enabled": null})),
                row("a.example.com", json!({"status": "active"})),
                row("b.example.com", json!({"enabled": true, "status": "deleted"})),
                row("b.example.com", json!({"enabled": false})),
            ]),
            [None, Some(Association::Disabled), Some(Association::Void)],
        ),
    ] {
        let body = json!({"success": true, "errors": [], "messages": [], "result": result});
        api.fault("PUT", Effect::Json { status: 200, body });
        let answered = client.put_hostnames(api.api.zone, &changes, soon()).await.unwrap();
        let found = answered.iter().map(|reading| reading.as_ref().map(|reading| reading.association));
        assert_eq!(found.collect::<Vec<_>>(), expected);
        api.api.simulator.clear_faults();
    }
}

#[tokio::test]
async fn of_several_rows_in_a_response_the_furthest_in_deployment_counts_then_the_newest() {
    let api = Api::start(&["a.example.com"], HOUR).await;
    let client = api.asking().build();
    let row = |(cert_id, status, day): (&str, &str, u32)| {
        let updated_at = format!("2026-01-0{day}T00:00:00Z");
        json!({"hostname": "a.example.com", "enabled": true, "cert_id": cert_id, "status": status, "updated_at": updated_at})
    };
    let order = [
        "active",
        "pending_deployment",
        "initializing",
        "deployment_timed_out",
        "pending_deletion",
        "deletion_timed_out",
        "deleted",
    ];
    let mut cases: Vec<_> = order.windows(2).map(|pair| [("c1", pair[0], 1), ("c2", pair[1], 2)]).collect();
    cases.push([("c1", "active", 2), ("c2", "active", 1)]);
    for mut rows in cases {
        for _ in 0..2 {
            rows.reverse();
            let body = json!({"success": true, "result": rows.map(row)});
            api.fault("PUT", Effect::Json { status: 200, body });
            let changes = [api.change("a.example.com", Some(true))];
            let answered = client.put_hostnames(api.api.zone, &changes, soon()).await.unwrap();
            let certificate = answered[0].as_ref().unwrap().certificate.as_ref().unwrap();
            assert_eq!(certificate.id().unwrap().as_str(), "c1", "{rows:?}");
            api.api.simulator.clear_faults();
        }
    }
}

#[tokio::test]
async fn the_response_to_a_change_may_contain_a_whole_large_zone() {
    let api = Api::start(&["a.example.com"], HOUR).await;
    let pem = "x".repeat(8 << 10);
    let row = |number| json!({"hostname": format!("h{number}.example.com"), "enabled": true, "cert_id": "c", "certificate": pem});
    let mut rows: Vec<_> = (0..1000).map(row).collect();
    rows.push(json!({"hostname": "a.example.com", "enabled": false}));
    let body = json!({"success": true, "result": rows});
    api.fault("PUT", Effect::Json { status: 200, body });
    let changes = [api.change("a.example.com", Some(false))];
    let answered = api.asking().build().put_hostnames(api.api.zone, &changes, soon()).await.unwrap();
    assert_eq!(answered[0].as_ref().unwrap().association, Association::Disabled);
}

#[tokio::test]
async fn a_change_is_retried_and_its_errors_are_judged_like_those_of_other_requests() {
    let api = Api::start(&["a.example.com"], HOUR).await;
    let asking = api.asking();
    let client = asking.build();
    let changes = [api.change("a.example.com", Some(false))];
    let conflict = Fault::new(refused(0, 409)).on_method("PUT").times(1);
    api.api.simulator.add_fault(conflict);
    client.put_hostnames(api.api.zone, &changes, soon()).await.unwrap();
    assert_eq!(asking.counted("cloudflare_aop_api_requests_total", &["hostname_put", "409"]), 1.0);
    assert_eq!(asking.counted("cloudflare_aop_api_requests_total", &["hostname_put", "200"]), 1.0);
    assert_eq!(asking.counted("cloudflare_aop_api_retries_total", &["hostname_put"]), 1.0);

    let changes = [Change { cert_id: "unknown".parse().unwrap(), ..changes[0].clone() }];
    let error = client.put_hostnames(api.api.zone, &changes, soon()).await.unwrap_err();
    assert!(error.is(400, 1415), "{error}");
}

fn policy(limit: Duration) -> WaitPolicy {
    let (first, longest) = (Duration::from_millis(5), Duration::from_millis(20));
    WaitPolicy { first, longest, limit, call: Duration::from_secs(5) }
}

fn awaited(names: &[&str]) -> Vec<Awaited> {
    names.iter().map(|name| Awaited { hostname: hostname(name), before: None, reading: None }).collect()
}

#[tokio::test]
async fn waiting_ends_when_all_changes_are_in_force_and_needs_few_requests() {
    let names: Vec<_> = (0..50).map(|number| format!("h{number}.example.com")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let api = Api::start(&names, Duration::from_secs(1)).await;
    let client = api.asking().build();
    let changes: Vec<_> = names.iter().map(|name| api.change(name, Some(false))).collect();
    client.put_hostnames(api.api.zone, &changes, soon()).await.unwrap();
    let (mut awaited, mut looks) = (awaited(&names), 0);
    let desired = Desired::Disabled(None);
    let waited = wait(&client, api.api.zone, &desired, &mut awaited, policy(HOUR), |_| looks += 1);
    waited.await.unwrap();
    assert!(awaited.iter().all(|one| one.phase(&desired) == Phase::InForce));
    assert!(looks > 2, "{looks}");
    assert_eq!(api.api.simulator.requests().count("GET", "/hostnames/"), 50 + looks - 1);
}

#[tokio::test]
async fn waiting_ends_at_its_limit_after_reading_every_hostname() {
    let api = Api::start(&["a.example.com", "b.example.com"], HOUR).await;
    let client = api.asking().build();
    let changes = [api.change("a.example.com", None), api.change("b.example.com", None)];
    client.put_hostnames(api.api.zone, &changes, soon()).await.unwrap();
    let mut awaited = awaited(&["a.example.com", "b.example.com"]);
    let desired = Desired::Void(None);
    wait(&client, api.api.zone, &desired, &mut awaited, policy(MOMENT), |_| ()).await.unwrap();
    for one in awaited {
        assert_eq!(one.phase(&desired), Phase::Pending);
        assert_eq!(one.reading.unwrap().status, Some(Status::PendingDeletion));
    }
}

#[tokio::test]
async fn waiting_exceeds_its_limit_by_at_most_one_call_for_any_number_of_hostnames() {
    let api = Api::start(&[], HOUR).await;
    let client = api.asking().build();
    api.fault("GET", Effect::Hang);
    let names: Vec<_> = (0..50).map(|number| format!("h{number}.example.com")).collect();
    let mut awaited = awaited(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let policy = WaitPolicy { call: Duration::from_millis(500), ..policy(MOMENT) };
    let started = Instant::now();
    wait(&client, api.api.zone, &Desired::Void(None), &mut awaited, policy, |_| ()).await.unwrap();
    // one after the other, the requests would take 25 s
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert!(awaited.iter().all(|one| one.reading.is_none()));
}

#[tokio::test]
async fn waiting_survives_an_outage_and_ends_if_cloudflare_gives_up_or_refuses() {
    let api = Api::start(&["a.example.com"], HOUR).await;
    let client = api.asking().build();
    let desired = Desired::Enabled(api.old.clone());
    api.api.simulator.add_fault(Fault::new(Effect::Html { status: 502 }).times(4));
    let mut found = awaited(&["a.example.com"]);
    wait(&client, api.api.zone, &desired, &mut found, policy(HOUR), |_| ()).await.unwrap();
    assert_eq!(found[0].phase(&desired), Phase::InForce);

    let status = Some("deployment_timed_out".to_owned());
    api.set("a.example.com", AssociationChange { status, ..AssociationChange::default() });
    let mut found = awaited(&["a.example.com"]);
    wait(&client, api.api.zone, &desired, &mut found, policy(HOUR), |_| ()).await.unwrap();
    assert_eq!(found[0].phase(&desired), Phase::GivenUp);

    api.fault("GET", refused(10_000, 403));
    let mut found = awaited(&["a.example.com"]);
    let waited = wait(&client, api.api.zone, &desired, &mut found, policy(HOUR), |_| ()).await;
    let (name, error) = waited.unwrap_err();
    assert_eq!((name, error.reason()), (hostname("a.example.com"), Reason::Forbidden));
}

#[tokio::test]
async fn one_request_enables_many_hostnames_and_the_command_waits_for_them() {
    let api = Api::start(&["a.example.com", "b.example.com"], Duration::from_millis(300)).await;
    let (old, new) = (&api.old, &api.new);
    let arguments =
        format!("enable new.example.com B.example.com. a.example.com a.example.com --cert-id {new}");
    let ran = api.run(&format!("{arguments} --yes --wait")).await;
    assert_eq!(
        ran.err,
        format!(
            "Zone example.com ({}):
 change  a.example.com    enabled with {old} -> enabled with {new}
 change  b.example.com    enabled with {old} -> enabled with {new}
 change  new.example.com  none -> enabled with {new}
Warning: certificate {new}: expired {} days ago\n",
            api.api.zone,
            days_since_april()
        )
    );
    assert_eq!(
        ran.out,
        format!(
            " HOSTNAME         ASSOCIATION  STATUS  CERTIFICATE
 a.example.com    enabled      active  {new}
 b.example.com    enabled      active  {new}
 new.example.com  enabled      active  {new}\n"
        )
    );
    assert_eq!((ran.code, api.puts()), (0, 1));

    let again = api.run(&format!("{arguments} --yes --wait")).await;
    assert!(again.err.ends_with("\nNothing needs to change.\n"), "{}", again.err);
    assert_eq!((again.code, api.puts(), again.out), (0, 1, ran.out));
}

#[tokio::test]
async fn a_disabled_association_keeps_its_certificate_and_a_void_one_is_removed() {
    let api = Api::start(&["a.example.com"], MOMENT).await;
    let disabled = api.run("disable a.example.com --yes --wait").await;
    let row =
        |ran: &Ran| ran.out.lines().nth(1).map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "));
    assert_eq!(row(&disabled), Some(format!("a.example.com disabled active {}", api.old)));
    let void = api.run(&format!("void a.example.com --cert-id {} --yes --wait", api.old)).await;
    assert_eq!(row(&void).as_deref(), Some("a.example.com none - -"), "{}", void.err);
    let again = api.run("void a.example.com --yes").await;
    assert!(again.err.contains("Nothing needs to change."), "{}", again.err);
    assert_eq!([disabled.code, void.code, again.code], [0; 3]);
    assert_eq!(api.puts(), 2);

    let refused = api.run("disable a.example.com --yes").await;
    assert_eq!(
        refused.err,
        "error: nothing was changed: a.example.com has no association that could be disabled: it is none\n"
    );
    assert_eq!((refused.code, api.puts()), (1, 2));
}

#[tokio::test]
async fn void_waits_for_disabled_only_if_the_association_was_enabled_before() {
    let api = Api::start(&["a.example.com"], HOUR).await;
    let voided = async {
        while api.puts() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let change = AssociationChange {
            enabled: Some(Some(false)),
            status: Some("active".into()),
            ..AssociationChange::default()
        };
        api.set("a.example.com", change);
    };
    let (ran, ()) = tokio::join!(api.run("void a.example.com --yes --wait --wait-timeout 20s"), voided);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);

    // the association was disabled before, so this may still be the old one
    let change = AssociationChange { enabled: Some(Some(false)), ..AssociationChange::default() };
    api.fault("PUT", Effect::Json { status: 200, body: json!({"success": true, "result": []}) });
    api.set("a.example.com", change);
    let ran = api.run("void a.example.com --yes --wait --wait-timeout 1s").await;
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
}

/// Returns `expires_in` for a certificate that ends in this many days and an hour.
const fn days(days: i64) -> Option<i64> {
    Some(days * 86_400 + 3_600)
}

#[tokio::test]
async fn enable_warns_about_a_bad_certificate_before_sending_anything() {
    let api = Api::start(&["a.example.com"], MOMENT).await;
    let new = &api.new;
    let change = |expires_in: Option<i64>, status: &str| CertificateChange {
        status: Some(status.into()),
        expires_in,
        ..CertificateChange::default()
    };
    for (certificate, wrong) in [
        (change(days(100), "active"), ""),
        (change(days(-3), "active"), "expired 2 days ago"),
        (change(days(2), "active"), "expires in 2 days"),
        (change(days(24), "active"), "expires in 24 days"),
        (change(days(368), "active"), "becomes valid in 3 days"),
        (change(days(100), "pending_deletion"), "the certificate is being deleted"),
        (change(days(-3), "pending_deletion"), "expired 2 days ago; the certificate is being deleted"),
        (change(days(100), "deleted"), "it is not one of this zone's hostname certificates"),
    ] {
        let at = Clock::system().now();
        api.api.simulator.with_world(|world| {
            world.zone("example.com").unwrap().change_certificate(new, certificate, at).unwrap();
        });
        let warning =
            if wrong.is_empty() { String::new() } else { format!("Warning: certificate {new}: {wrong}\n") };
        let plan = format!(
            "Zone example.com ({}):\n change  a.example.com  enabled with {} -> enabled with {new}\n{warning}",
            api.api.zone, api.old
        );
        let ran = api.run(&format!("enable a.example.com --cert-id {new} --dry-run")).await;
        assert_eq!((ran.code, ran.out, ran.err.as_str()), (0, plan, ""));
    }
    assert_eq!(api.puts(), 0);

    let ran = api.run(&format!("enable b.example.com --cert-id {} --yes", api.old)).await;
    let warning = format!("Warning: certificate {}: expired ", api.old);
    assert!(ran.err.lines().last().unwrap().starts_with(&warning), "{}", ran.err);
    assert_eq!((ran.code, api.puts()), (0, 1));

    // disabling takes the certificate out of use, so there is no warning
    let ran = api.run("disable a.example.com --dry-run").await;
    assert!(!ran.out.contains("Warning"), "{}", ran.out);

    let list = Fault::new(refused(10_000, 403)).on_method("GET").on_path("/hostnames/certificates");
    api.api.simulator.add_fault(list);
    let ran = api.run(&format!("enable b.example.com --cert-id {new} --dry-run")).await;
    let warning = format!("Warning: certificate {new}: it could not be checked: HTTP status 403");
    assert!(ran.out.contains(&warning), "{}", ran.out);
}

#[tokio::test]
async fn without_a_terminal_to_confirm_nothing_is_sent() {
    let api = Api::start(&["a.example.com"], MOMENT).await;
    let ran = api.run("disable a.example.com").await;
    assert_eq!(
        ran.err,
        "error: nothing was changed: standard input is not a terminal, so confirmation is impossible; give --yes or --dry-run\n"
    );
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert_eq!(api.api.simulator.requests().total(), 0);
}

#[tokio::test]
async fn a_dry_run_shows_what_would_change_and_changes_nothing() {
    let api = Api::start(&["a.example.com"], MOMENT).await;
    let ran = api.run("void a.example.com b.example.com --dry-run").await;
    let zone = api.api.zone;
    assert_eq!(
        ran.out,
        format!(
            "Zone example.com ({zone}):
 change  a.example.com  enabled with {} -> void
 keep    b.example.com  none\n",
            api.old
        )
    );
    assert_eq!((ran.code, ran.err.as_str(), api.puts()), (0, "", 0));
}

#[tokio::test]
async fn a_change_must_be_confirmed_at_a_terminal() {
    let api = Api::start(&["a.example.com"], MOMENT).await;
    let program = env!("CARGO_BIN_EXE_cloudflare-aop-exporter");
    let reach = format!("a.example.com --zone example.com --base-url {}", api.api.base_url);
    let enable = format!("enable --cert-id {}", api.new);
    for (change, answer, code, puts) in
        [("disable", "n", 1, 0), ("disable", "", 1, 0), (&enable, "n", 1, 0), ("disable", "y", 0, 1)]
    {
        let typed = format!("{program} hostname {change} {reach}");
        let mut command = Command::new("sh");
        command.env("CLOUDFLARE_API_TOKEN", TOKEN).env("ANSWER", answer).env("TYPED", typed);
        // `script` of util-linux provides a terminal
        command.args(["-c", "printf '%s\\n' \"$ANSWER\" | script -qec \"$TYPED\" /dev/null"]);
        let ran = finished(command).await;
        let (plan, _) =
            ran.out.split_once("Proceed? [y/N] ").unwrap_or_else(|| panic!("{}{}", ran.out, ran.err));
        assert_eq!(plan.contains(&format!("Warning: certificate {}: expired ", api.new)), change == enable);
        assert_eq!(ran.out.contains("error: nothing was changed"), code == 1, "{}", ran.out);
        assert_eq!((ran.code, api.puts()), (code, puts), "{answer}");
    }
}

#[tokio::test]
async fn a_certificate_gets_no_more_associations_than_cloudflare_allows() {
    let names: Vec<_> = (0..99).map(|number| format!("h{number}.example.com")).collect();
    let api = Api::start(&names.iter().map(String::as_str).collect::<Vec<_>>(), MOMENT).await;
    let old = &api.old;
    let ran = api.run(&format!("enable x.example.com y.example.com --cert-id {old} --yes")).await;
    assert_eq!(
        ran.err,
        format!(
            "error: nothing was changed: certificate {old} would have 101 associations, and Cloudflare allows 100: 99 exist, and 2 would be added\n"
        )
    );
    assert_eq!((ran.code, api.puts()), (1, 0));

    // if associations cannot be listed, only Cloudflare can count them
    let list = Fault::new(refused(7000, 404)).on_method("GET").on_path("/hostnames?");
    api.api.simulator.add_fault(list);
    let ran = api.run(&format!("enable x.example.com y.example.com --cert-id {old} --yes")).await;
    let unchecked =
        format!("The number of associations of certificate {old} could not be checked: HTTP status 404");
    assert!(ran.err.starts_with(&unchecked), "{}", ran.err);
    assert!(ran.err.contains("error: nothing was changed: HTTP status 400"), "{}", ran.err);
    assert_eq!((ran.code, api.puts()), (1, 1));
    let ran = api.run(&format!("enable x.example.com --cert-id {old} --yes")).await;
    assert_eq!((ran.code, api.puts()), (0, 2), "{}", ran.err);
}

#[tokio::test]
async fn an_incomplete_list_leaves_the_cap_unchecked_with_a_message() {
    let api = Api::start(&["a.example.com"], MOMENT).await;
    let row = json!({"hostname": "a.example.com", "enabled": true, "cert_id": api.old.as_str()});
    let body = json!({"success": true, "result": [row], "result_info": {"total_count": 2}});
    let list = Fault::new(Effect::Json { status: 200, body }).on_method("GET").on_path("/hostnames?");
    api.api.simulator.add_fault(list);
    let ran = api.run(&format!("enable x.example.com --cert-id {} --yes", api.old)).await;
    let unchecked = format!(
        "The number of associations of certificate {} could not be checked: the list of associations is not complete\n",
        api.old
    );
    assert!(ran.err.starts_with(&unchecked), "{}", ran.err);
    assert_eq!((ran.code, api.puts()), (0, 1));
}

#[tokio::test]
async fn an_unexpected_certificate_or_zone_is_refused() {
    let api = Api::start(&["a.example.com"], MOMENT).await;
    let (old, new) = (&api.old, &api.new);
    for command in ["disable", "void"] {
        let ran = api.run(&format!("{command} a.example.com --cert-id {new} --yes")).await;
        let error = format!("a.example.com is associated with certificate {old}, not with {new}");
        assert_eq!((ran.code, ran.err), (1, format!("error: nothing was changed: {error}\n")));
    }
    for command in ["get a.example.org", "void a.example.com a.example.org --yes"] {
        let ran = api.run(command).await;
        assert_eq!(
            (ran.code, ran.err.as_str()),
            (1, "error: a.example.org is not in the zone example.com\n")
        );
    }
    assert_eq!(api.puts(), 0);
}

#[tokio::test]
async fn errors_of_the_api_say_what_to_do() {
    let api = Api::start(&["a.example.com"], MOMENT).await;
    let base_url = &api.api.base_url;
    let ran = api.run("enable a.example.com --cert-id unknown --yes").await;
    let error = ran.err.lines().last().unwrap();
    let sentence = "error: nothing was changed: the certificate id is not one of this zone's hostname certificates, or was deleted (a zone-level certificate cannot be used for a hostname) (HTTP status 400, code 1415 (";
    assert!(error.starts_with(sentence), "{error}");
    assert_eq!(ran.code, 1);

    for (status, code, sentence) in [
        (
            400,
            1434,
            "nothing was changed: the certificate is still being deployed: try again when its status is active",
        ),
        (
            403,
            10_000,
            "nothing was changed: the token lacks the permission \"SSL and Certificates Write\" for this zone",
        ),
        (
            502,
            0,
            "it is unknown if the change was made: Cloudflare failed, which says nothing about the token: \
             try again later, and look at https://www.cloudflarestatus.com (HTTP status 502",
        ),
    ] {
        api.fault("PUT", refused(code, status));
        let ran = api.run("disable a.example.com --yes").await;
        let error = ran.err.lines().last().unwrap();
        assert!(error.starts_with(&format!("error: {sentence}")), "{error}");
        assert_eq!(ran.code, 1);
        api.api.simulator.clear_faults();
    }
    let wrong = "0123456789abcdef0123456789abcdef";
    for (zone, token, sentence) in [
        (
            wrong,
            TOKEN,
            "a.example.com: the token cannot see this zone: check the zone's id, and that the token's permission \"SSL and Certificates Read\" covers the zone",
        ),
        (
            "example.net",
            TOKEN,
            "example.net: no zone named example.net is visible to the token; its permission \"Zone Read\" must cover it",
        ),
        (
            "example.com",
            "wrong",
            "example.com: the token is not accepted: check that it is complete, active and not expired, and that it has the permission \"Zone Read\" for this zone",
        ),
    ] {
        let ran = api.run_at(&format!("get a.example.com --zone {zone} --base-url {base_url}"), token).await;
        assert!(ran.err.starts_with(&format!("error: {sentence}")), "{}", ran.err);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    }
    api.fault("GET", Effect::Empty { status: 405 });
    let ran = api.run_at(&format!("list --zone {} --base-url {base_url}", api.api.zone), TOKEN).await;
    let sentence = "error: list of associations: Cloudflare may not offer this list, ";
    assert!(ran.err.starts_with(sentence), "{}", ran.err);
}

#[tokio::test]
async fn a_change_that_is_not_in_force_in_time_has_its_own_exit_code() {
    let api = Api::start(&["a.example.com"], HOUR).await;
    let ran = api.run("disable a.example.com --yes --wait --wait-timeout 1s").await;
    assert!(ran.err.ends_with("The change is made but not yet in force: a.example.com\n"), "{}", ran.err);
    assert!(ran.out.contains("pending_deployment"), "{}", ran.out);
    assert_eq!(ran.code, 3);
    // a pending change is waited for and not requested again
    let ran = api.run("disable a.example.com --yes --wait --wait-timeout 1s").await;
    assert_eq!((ran.code, api.puts()), (3, 1));
    assert!(!ran.err.contains('\x1b'), "progress is for terminals");
}

#[tokio::test]
async fn get_and_list_print_tables_and_json() {
    let api = Api::start(&["b.example.com", "a.example.com"], MOMENT).await;
    let old = &api.old;
    let json = async |arguments: &str| {
        let ran = api.run(&format!("{arguments} --format json")).await;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        serde_json::from_str::<Value>(&ran.out).unwrap()
    };
    let get = json("get a.example.com").await;
    assert_eq!(get["hostname"], "a.example.com");
    assert_eq!(get["association"], "enabled");
    assert_eq!(get["cert_id"], old.as_str());
    assert_eq!([&get["expires_on"], &get["pem_not_after"]], ["2026-04-01T00:00:00Z"; 2]);
    assert_eq!(get["verdict"], "critical");
    assert_eq!(get["findings"][0]["finding"], "expired");
    let none = json("get none.example.com").await;
    assert_eq!([&none["verdict"], &none["findings"]], [&json!("ok"), &json!([])]);
    assert_eq!([&none["association"], &none["status"]], [&json!("none"), &Value::Null]);
    let list = json("list").await;
    assert_eq!([&list[0]["hostname"], &list[1]["hostname"]], ["a.example.com", "b.example.com"]);
    assert_eq!(list[0]["ends"], "2026-04-01T00:00:00Z");
    assert_eq!(list[0]["findings"][0]["severity"], "critical");

    let days = days_since_april();
    let list = api.run("list").await;
    assert_eq!(
        list.out,
        format!(
            " VERDICT   HOSTNAME       ASSOCIATION  STATUS  CERTIFICATE                           ENDS                 CHANGED               FINDINGS
 critical  a.example.com  enabled      active  {old}  2026-04-01 (-{days} d)  2025-12-31T23:58:00Z  expired {days} days ago
 critical  b.example.com  enabled      active  {old}  2026-04-01 (-{days} d)  2025-12-31T23:59:00Z  expired {days} days ago\n"
        )
    );
    let get = api.run("get a.example.com").await;
    let said = |name: &str| {
        let row = get.out.lines().find_map(|row| row.trim_start().strip_prefix(name)).map(str::trim);
        row.unwrap_or_default().to_owned()
    };
    assert_eq!(
        [said("verdict"), said("findings")],
        ["critical".to_owned(), format!("expired {days} days ago")]
    );
    assert_eq!(said("ends"), format!("2026-04-01T00:00:00Z ({days} days ago)"));
    let get = api.run("get none.example.com").await;
    assert_eq!(get.out, " hostname     none.example.com\n verdict      ok\n association  none\n");
}

#[tokio::test]
async fn the_account_and_the_zone_come_from_a_configuration() {
    let api = Api::start(&["a.example.com"], MOMENT).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aop.toml");
    let account = |name: &str, zone: &str| {
        format!(
            "[[account]]\nname = \"{name}\"\napi_token_env = \"AOP_TOKEN\"\nbase_url = \"{}\"\n\
             [[account.zone]]\n{zone}\n",
            api.api.base_url
        )
    };
    let hostnames = "hostnames = [\"a.example.com\"]";
    let first = format!("name = \"example.com\"\nid = \"{}\"\n{hostnames}", api.api.zone);
    let second = "name = \"example.org\"\nhostnames = [\"a.example.org\"]";
    fs::write(&path, account("first", &first) + &account("second", second)).unwrap();
    let run = async |arguments: &str| {
        let mut command = program();
        command.args(["hostname", "get", "a.example.com", "--config"]).arg(&path).env("AOP_TOKEN", TOKEN);
        command.args(arguments.split_whitespace());
        let ran = finished(command).await;
        (ran.code, ran.err)
    };
    assert_eq!(run("--zone example.com").await, (0, String::new()));
    assert_eq!(api.api.simulator.requests().count("GET", "/zones?"), 0, "the configuration has the id");
    assert_eq!(run("--zone example.com --account second").await, (0, String::new()));
    assert_eq!(api.api.simulator.requests().count("GET", "/zones?"), 1);
    let unknown = "error: --account: the configuration has no account third; it has first, second\n";
    assert_eq!(run("--zone example.com --account third").await, (1, unknown.to_owned()));
    let several = "error: --account: the configuration has several accounts; choose one of first, second\n";
    assert_eq!(run("--zone example.net").await, (1, several.to_owned()));
}

#[tokio::test]
async fn a_change_of_more_hostnames_than_the_rate_limit_allows_waits() {
    let api = Api::start(&[], MOMENT).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aop.toml");
    let config = format!(
        "[[account]]\napi_token_env = \"AOP_TOKEN\"\nbase_url = \"{}\"\n\
         rate_limit = {{ requests = 4, per = \"2s\" }}\n\
         [[account.zone]]\nname = \"example.com\"\nid = \"{}\"\nhostnames = [\"a.example.com\"]\n",
        api.api.base_url, api.api.zone
    );
    fs::write(&path, config).unwrap();
    let mut command = program();
    command.args(["hostname", "enable", "--zone", "example.com", "--yes", "--timeout", "1500ms"]);
    command.args((1..=7).map(|number| format!("h{number}.example.com")));
    command.args(["--cert-id", api.new.as_str(), "--config"]).arg(&path).env("AOP_TOKEN", TOKEN);
    // seven hostnames and a list are read, which fills two windows before the change is sent
    let ran = finished(command).await;
    assert_eq!((ran.code, api.puts()), (0, 1), "{}", ran.err);
}

#[tokio::test]
async fn an_invalid_command_line_has_exit_code_2() {
    let api = Api::start(&[], MOMENT).await;
    for arguments in [
        "get",
        "get a..example.com",
        "enable a.example.com --yes",
        "enable --cert-id c1",
        "disable a.example.com --cert-id a/b",
        "list --account default",
        "list --config aop.toml",
        "void a.example.com --wait-timeout soon",
    ] {
        assert_eq!(api.run(arguments).await.code, 2, "{arguments}");
    }
    for arguments in
        ["get a.example.com", "list --zone example.com --base-url http://api.cloudflare.com/client/v4"]
    {
        assert_eq!(api.run_at(arguments, TOKEN).await.code, 2, "{arguments}");
    }
    assert_eq!(api.api.simulator.requests().total(), 0);
}

#[tokio::test]
async fn control_characters_from_a_server_are_not_printed() {
    let api = Api::start(&["a.example.com"], MOMENT).await;
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\r\n\u{9b}31m";
    let change = CertificateChange { serial_number: Some(hostile.into()), ..Default::default() };
    api.api.simulator.with_world(|world| {
        world.zone("example.com").unwrap().change_certificate(&api.old, change, now()).unwrap();
    });
    let plain = |text: &str| !text.contains(|char: char| char.is_control() && char != '\n');
    let ran = api.run("get a.example.com").await;
    assert!(
        ran.out.contains("serial number") && ran.out.contains("]0;owned  [2J") && plain(&ran.out),
        "{:?}",
        ran.out
    );

    let body = json!({"success": false, "errors": [{"code": 1, "message": hostile}]});
    api.fault("GET", Effect::Json { status: 400, body });
    let ran = api.run("get a.example.com").await;
    assert!(ran.err.contains("]0;owned  [2J") && plain(&ran.err), "{:?}", ran.err);
}

#[tokio::test]
async fn no_log_level_shows_a_secret() {
    let api = Api::start(&["a.example.com"], MOMENT).await;
    for format in ["text", "json"] {
        let logs = format!("--log-level trace --log-format {format}");
        let ran = api.run(&format!("disable a.example.com --yes --wait {logs}")).await;
        assert_eq!(ran.code, 0, "{}", ran.err);
        api.run(&format!("enable a.example.com --cert-id {} --yes --wait {logs}", api.new)).await;
    }
}
