//! Tests of the pages for people, over real sockets.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudflare_aop_exporter::domain::{
    Association, Certificate, CertificateDetails, Date, Expectation, Expected, Extent, HostnameTarget, Level,
    Outcome, PartKind, PatternTarget, Reading, Reason, Snapshot, SslMode, Status, Targets, ZoneCertificate,
    ZoneTarget,
};
use cloudflare_aop_exporter::http::{self, Activity, Options, Reloads};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::http::{Answer, NOW, Served};

/// A malicious issuer name, as an impostor may send it.
const HOSTILE: &str = "<script>alert('x')</script>\"onload=\"alert(1)";

fn now() -> Date {
    NOW.parse::<Timestamp>().unwrap().into()
}

/// Returns the date this many days from now.
fn days(days: i64) -> Date {
    Timestamp::from_second(now().as_second() + days * 86_400).unwrap().into()
}

fn id(number: usize) -> String {
    format!("{number:08x}-0c35-4c7f-82c7-8e9487d3ff60")
}

fn certificate(number: usize, ends: Date, issuer: &str) -> Arc<Certificate> {
    let details = CertificateDetails {
        id: id(number).parse().ok(),
        issuer: Some(issuer.into()),
        serial_number: Some("6743787633689793699141714808227354901".into()),
        signature: Some("SHA256WithRSA".into()),
        expires_on: Some(ends),
    };
    Arc::new(Certificate::new(details, None))
}

fn reading(association: Association, certificate: Arc<Certificate>) -> Reading {
    Reading {
        status: Some(Status::Active),
        certificate_status: Some(Status::Active),
        certificate: Some(certificate),
        ..Reading::bare(association, now())
    }
}

fn target(hostname: &str) -> HostnameTarget {
    HostnameTarget { hostname: hostname.parse().unwrap(), expectation: Expectation::default() }
}

/// Returns a zone with the outcomes of reading these hostnames.
fn zone(name: &str, readings: Vec<(&str, Result<Reading, Reason>)>) -> (ZoneTarget, Vec<Outcome>) {
    let hostnames = readings.iter().map(|(name, _)| target(name)).collect();
    let zone = ZoneTarget::named("<ops & co>".into(), name.parse().unwrap(), None).with_hostnames(hostnames);
    let read = readings.into_iter().map(|(name, reading)| Outcome::Read(name.parse().unwrap(), reading));
    let ended = Outcome::Ended { result: Ok(()), at: now() };
    (zone, read.chain([ended]).collect())
}

fn snapshot(zones: Vec<(ZoneTarget, Vec<Outcome>)>) -> Snapshot {
    let targets = Targets::new(zones.iter().map(|(zone, _)| zone.clone()));
    let outcomes = zones.into_iter().flat_map(|(zone, outcomes)| {
        let key = zone.key().clone();
        outcomes.into_iter().map(move |outcome| (key.clone(), outcome))
    });
    Snapshot::default().retarget(&targets).fold(outcomes)
}

/// Returns a snapshot with a hostname for each kind of problem, a healthy one, and a zone that cannot be read.
fn troubled() -> Snapshot {
    let enabled = |number, ends| reading(Association::Enabled, certificate(number, days(ends), HOSTILE));
    let stuck = Reading { status: Some(Status::DeploymentTimedOut), ..enabled(3, 200) };
    let drifted = reading(Association::Disabled, certificate(2, days(200), HOSTILE));
    let (first, mut outcomes) = zone(
        "shop.example",
        vec![
            ("expired.shop.example", Ok(enabled(1, -2))),
            ("*.drifted.shop.example", Ok(drifted)),
            ("stuck.shop.example", Ok(stuck)),
            ("unread.shop.example", Err(Reason::Forbidden)),
            ("fine.shop.example", Ok(enabled(4, 50))),
        ],
    );
    outcomes.push(Outcome::ZoneLevel {
        enabled: Ok(true),
        certificates: Ok(vec![ZoneCertificate {
            id: id(9).parse().unwrap(),
            level: Level::Zone,
            status: Some(Status::Active),
            since: None,
            uploaded_on: None,
            certificate: certificate(9, days(20), HOSTILE),
            hostnames: None,
        }]),
        at: now(),
    });
    outcomes.push(Outcome::Settings { global: Ok(true), ssl_mode: Ok(SslMode::Full), at: now() });
    let first = first.with_extent(Extent { zone_level: true, ..Extent::default() });
    let second = ZoneTarget::named("<ops & co>".into(), "dark.example".parse().unwrap(), None)
        .with_extent(Extent { discovered: Some(Expected::Enabled), ..Extent::default() });
    let failed = vec![
        Outcome::Planned { part: PartKind::Associations, interval: Duration::from_secs(60), at: now() },
        Outcome::Ended { result: Err(Reason::Forbidden), at: now() },
    ];
    snapshot(vec![(first, outcomes), (second, failed)])
}

const PAGES: [&str; 14] = [
    "/",
    "/?verdict=ok",
    "/?q=%3Cscript%3E",
    "/?sort=ends",
    "/hostnames/shop.example/expired.shop.example",
    "/hostnames/shop.example/%2A.drifted.shop.example",
    "/hostnames/nowhere.example/%3Cscript%3E",
    "/certificates",
    "/certificates/shop.example/00000001-0c35-4c7f-82c7-8e9487d3ff60",
    "/certificates/shop.example/%3Cscript%3E",
    "/zones",
    "/zones?zone=dark.example",
    "/runbooks",
    "/?colour=%3Cscript%3E",
];

/// Returns the texts between each `start` and the next `end`.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split_once(end)).map(|(inside, _)| inside).collect()
}

/// Returns the targets of all links.
fn links(page: &Answer) -> Vec<String> {
    let links = between(page.text(), " href=\"", "\"").into_iter();
    links.map(|link| link.replace("&#38;", "&").replace("&amp;", "&")).collect()
}

#[tokio::test]
async fn the_policy_of_each_page_allows_only_its_own_style_and_script() {
    let served = Served::with(troubled()).await;
    for path in PAGES {
        let page = served.get(path).await;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        let hash = |tag: &str| {
            let texts = between(page.text(), &format!("<{tag}>"), &format!("</{tag}>"));
            assert_eq!(texts.len(), 1, "{path}: {tag}");
            STANDARD.encode(digest(&SHA256, texts[0].as_bytes()))
        };
        let (style, script) = (hash("style"), hash("script"));
        assert_eq!(
            page.header("content-security-policy"),
            format!(
                "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; img-src data:; \
                 connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            ),
            "{path}"
        );
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        // the page has nothing that the policy blocks or that a browser would fetch
        for unwanted in [" style=", " onload=", " onclick=", " src=", "<base", "<iframe", "@import", "url("] {
            assert!(!page.text().contains(unwanted), "{path}: {unwanted}");
        }
        let fetched = between(page.text(), "<link ", ">");
        assert!(
            fetched.iter().all(|link| link.contains("href=\"data:image/svg+xml,")),
            "{path}: {fetched:?}"
        );
    }
}

#[tokio::test]
async fn names_from_others_are_escaped() {
    let refused = (now(), format!("line 2: {HOSTILE}"));
    let reloads = Some(Reloads { in_force_since: now(), refused: Some(refused) });
    let activity = Activity { reloads, ..Activity::default() };
    let served =
        Served::start_with("127.0.0.1:0", Options::default(), troubled(), Instant::now(), move |app| {
            app.showing(Arc::new(move || activity.clone()))
        })
        .await;
    let mut shown = 0;
    for path in PAGES {
        let page = served.get(path).await;
        assert_eq!(page.text().matches("<script").count(), 1, "{path}");
        assert!(!page.text().contains("<ops"), "{path}");
        shown += page.text().matches("&#60;script&#62;").count();
    }
    assert!(shown > 10, "{shown}");
}

/// Serves a snapshot with a configuration that was refused.
async fn refused(snapshot: Snapshot) -> Served {
    let reloads = Some(Reloads { in_force_since: now(), refused: Some((now(), "line 2: no".into())) });
    let activity = Activity { reloads, ..Activity::default() };
    let shown = Arc::new(move || activity.clone());
    let showing = |app: http::App| app.showing(shown);
    Served::start_with("127.0.0.1:0", Options::default(), snapshot, Instant::now(), showing).await
}

#[tokio::test]
async fn text_from_a_client_cannot_reverse_the_direction_of_the_page() {
    let served = Served::with(troubled()).await;
    for (path, shown) in [
        ("/?q=%E2%80%AEabc", "search: <bdi>\u{202e}abc</bdi> <a"),
        ("/zones?account=%E2%80%AEabc", "account: <bdi>\u{202e}abc</bdi> <a"),
        ("/hostnames/shop.example/%E2%80%AEabc", "<h1>No hostname named <bdi>\u{202e}abc</bdi></h1>"),
        ("/hostnames/%E2%80%AEabc/x", "The zone \u{2068}\u{202e}abc\u{2069} has no hostname"),
        ("/certificates/shop.example/%ff", "<h1>No certificate named <bdi>%ff</bdi></h1>"),
    ] {
        let page = served.get(path).await;
        assert!(page.text().contains(shown), "{path}: {}", page.text());
    }
    let page = served.get(&format!("/hostnames/{}/x", "z".repeat(5000))).await;
    assert!(page.text().contains(&format!("{}\u{2069} has", "z".repeat(253))));
    assert!(!page.text().contains(&"z".repeat(254)));
}

#[tokio::test]
async fn every_link_of_every_page_works() {
    let served = Served::with(troubled()).await;
    let (mut seen, mut left) = (BTreeSet::new(), vec!["/".to_owned()]);
    while let Some(path) = left.pop() {
        let (address, fragment) = path.split_once('#').unwrap_or((&path, ""));
        let page = served.get(address).await;
        assert_eq!(page.status, if address == "/-/ready" { page.status } else { 200 }, "{path}");
        let target = format!(" id=\"{fragment}\"");
        assert!(fragment.is_empty() || page.text().contains(&target), "{path}");
        if page.header("content-type").starts_with("text/html") && address != "/runbooks" {
            for link in links(&page).into_iter().filter(|link| link.starts_with('/')) {
                if seen.insert(link.clone()) {
                    left.push(link);
                }
            }
        }
    }
    for reached in [
        "/hostnames/shop.example/%2A.drifted.shop.example",
        "/certificates/shop.example/00000009-0c35-4c7f-82c7-8e9487d3ff60",
        "/zones?zone=dark.example",
        "/?zone=shop.example&verdict=ok",
        "/runbooks#cloudflareaopcertificateexpired",
    ] {
        assert!(seen.contains(reached), "{reached} is missing among {seen:#?}");
    }
}

#[tokio::test]
async fn an_unknown_subject_is_a_404_with_advice() {
    let served = Served::with(troubled()).await;
    for (path, search) in [
        ("/hostnames/shop.example/gone.shop.example", "/?q=gone.shop.example"),
        ("/hostnames/other.example/expired.shop.example", "/?q=expired.shop.example"),
        ("/hostnames/shop.example/a%20b%3C", "/?q=a%20b%3C"),
        ("/certificates/shop.example/00000002", "/?q=00000002"),
    ] {
        let page = served.get(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.text().contains("may have left the zone or the configuration"), "{path}");
        assert!(links(&page).contains(&search.to_owned()), "{path}: {:?}", links(&page));
        assert_eq!(served.ask("HEAD", path, &[]).await.status, 404, "{path}");
    }
    for path in ["/hostnames", "/hostnames/shop.example", "/hostnames//x", "/hostnames/a/b/c", "/zones/"] {
        let answer = served.get(path).await;
        assert_eq!(
            (answer.status, answer.text()),
            (404, "not found; see / for the available pages\n"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_invalid_parameter_is_a_400_that_says_what_was_expected() {
    let served = Served::with(troubled()).await;
    for (path, expected) in [
        ("/?verdict=bad", "verdict: expected critical, warning, unknown, info or ok, found &#34;bad&#34;"),
        ("/?page=2", "found &#34;page&#34;"),
        ("/zones?sort=name", "sort: expected verdict, ends, hostname or zone, found &#34;name&#34;"),
        ("/certificates?cursor=x", "cursor: expected the value of next in an answer"),
    ] {
        let page = served.get(path).await;
        assert_eq!(page.status, 400, "{path}");
        assert!(page.text().contains(expected), "{path}: {}", page.text());
        assert_eq!(served.ask("HEAD", path, &[]).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn the_overview_shows_problems_first() {
    let served = Served::with(troubled()).await;
    let page = served.get("/").await;
    assert_eq!(between(page.text(), "<h1>", "</h1>"), ["3 hostnames are critical"]);
    assert_eq!(between(page.text(), "<title>", "</title>"), ["(3) Authenticated Origin Pulls"]);
    assert!(page.text().contains("fill='%23d93025'"));
    // the healthy hostname is part of the line about its zone
    let rows: Vec<_> = between(page.text(), "href=\"/hostnames/shop.example/", "\"");
    assert_eq!(
        rows,
        ["expired.shop.example", "%2A.drifted.shop.example", "stuck.shop.example", "unread.shop.example"]
    );
    assert!(page.text().contains("shop.example</a>: 1 hostname; the first certificate ends in 50 days"));
    // the worst banner first: the certificate of a whole zone, then the zone that cannot be read
    assert_eq!(
        between(page.text(), "<b>", "</b>")[1..],
        ["Zone-level certificate of shop.example", "Zone dark.example"]
    );
    assert!(page.text().contains("not read: the token lacks a permission"));
    assert!(page.text().contains("never read yet"));
    assert!(page.text().contains("Give the token the permission"));
}

#[tokio::test]
async fn worse_findings_come_before_earlier_ends() {
    let drifted = |number, ends| reading(Association::Disabled, certificate(number, days(ends), "CA"));
    let readings = vec![
        ("a.shop.example", Ok(reading(Association::Enabled, certificate(1, days(20), "CA")))),
        ("b.shop.example", Err(Reason::Forbidden)),
        ("y.shop.example", Ok(drifted(2, 200))),
        ("z.shop.example", Ok(drifted(3, 100))),
    ];
    let served = Served::with(snapshot(vec![zone("shop.example", readings)])).await;
    let page = served.get("/").await;
    assert_eq!(hostnames(&page), ["z.shop.example", "y.shop.example", "a.shop.example", "b.shop.example"]);
}

#[tokio::test]
async fn before_the_first_reading_the_overview_does_not_say_that_there_are_no_hostnames() {
    let (unread, _) = zone("shop.example", vec![("app.shop.example", Err(Reason::Timeout))]);
    let served = Served::with(snapshot(vec![(unread, Vec::new())])).await;
    let page = served.get("/").await;
    assert_eq!(between(page.text(), "<h1>", "</h1>"), ["Nothing has been read yet"]);

    let dark = troubled().zones().iter().find(|zone| zone.key().as_str() == "dark.example").unwrap().clone();
    let failed = Outcome::Ended { result: Err(Reason::Auth), at: now() };
    let served = Served::with(snapshot(vec![(ZoneTarget::clone(dark.target()), vec![failed])])).await;
    let page = served.get("/").await;
    assert_eq!(between(page.text(), "<h1>", "</h1>"), ["1 zone cannot be read"]);
    assert!(page.text().contains("not read: the token was not accepted; never read yet"), "{}", page.text());
    assert!(!page.text().contains("No hostname has an association"));
}

#[tokio::test]
async fn each_problem_has_a_command_on_the_page_of_its_hostname() {
    let served = Served::with(troubled()).await;
    for (hostname, command) in [
        (
            "expired.shop.example",
            "certificate rotate 00000001-0c35-4c7f-82c7-8e9487d3ff60 --to 00000003-0c35-4c7f-82c7-8e9487d3ff60 --zone shop.example",
        ),
        (
            "%2A.drifted.shop.example",
            "hostname enable &#39;*.drifted.shop.example&#39; --cert-id 00000002-0c35-4c7f-82c7-8e9487d3ff60 --zone shop.example --wait",
        ),
        (
            "stuck.shop.example",
            "hostname enable stuck.shop.example --cert-id 00000003-0c35-4c7f-82c7-8e9487d3ff60 --zone shop.example --wait",
        ),
        ("unread.shop.example", "check --zone shop.example --hostname unread.shop.example --log-level debug"),
    ] {
        let page = served.get(&format!("/hostnames/shop.example/{hostname}")).await;
        let commands = between(page.text(), "<pre>", "</pre>");
        assert_eq!(commands[0], format!("cloudflare-aop-exporter {command}"), "{hostname}");
    }
    let page = served.get("/hostnames/shop.example/expired.shop.example").await;
    for fact in [
        "on, its CA ends 2029-11-01 17:00 UTC (in 1341 days); Cloudflare presents its shared certificate",
        "<dd>2026-02-27 12:00 UTC (2 days ago)</dd>",
        "<dd>full</dd>",
    ] {
        assert!(page.text().contains(fact), "{fact}");
    }
}

/// Returns the hostnames of a page in their order.
fn hostnames(page: &Answer) -> Vec<&str> {
    between(page.text(), "href=\"/hostnames/shop.example/", "\"")
}

/// Returns a zone with `count` hostnames, whose certificates end one per day.
fn many(count: usize, label: &str) -> Snapshot {
    let names: Vec<_> = (0..count).map(|number| format!("{label}{number:04}.shop.example")).collect();
    let readings = names.iter().enumerate().map(|(number, name)| {
        let ends = days(i64::try_from(number).unwrap() - 100);
        (
            &**name,
            Ok(reading(
                Association::Enabled,
                certificate(number, ends, "Example Corporation Origin Pull CA"),
            )),
        )
    });
    snapshot(vec![zone("shop.example", readings.collect())])
}

/// Returns hostnames and certificates with ids as different as in a real zone, so that gzip compresses them no better
/// than there.
fn unlike(count: usize) -> Snapshot {
    let digits = |number: usize, salt: u8| {
        let mut hasher = DefaultHasher::new();
        (number, salt).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    };
    let names: Vec<_> =
        (0..count).map(|number| format!("some-{}-service.shop.example", digits(number, 0))).collect();
    let readings = names.iter().enumerate().map(|(number, name)| {
        let (start, end) = (digits(number, 1), digits(number, 2));
        let id = format!("{}-{}-{}-{}-{}", &start[..8], &start[8..12], &start[12..], &end[..4], &end[4..]);
        // each hostname has a finding
        let ends = days(i64::try_from(number).unwrap() % 29 - 25);
        let known = certificate(number, ends, "Example Corporation Origin Pull CA");
        let details = CertificateDetails { id: id.parse().ok(), ..known.details().clone() };
        (&**name, Ok(reading(Association::Enabled, Arc::new(Certificate::new(details, None)))))
    });
    snapshot(vec![zone("shop.example", readings.collect())])
}

#[tokio::test]
async fn a_page_of_200_rows_is_one_response_of_at_most_60_kilobytes() {
    let served = Served::with(unlike(1000)).await;
    for path in ["/", "/?sort=ends", "/?verdict=critical&limit=200&sort=hostname"] {
        let page = served.ask("GET", path, &[("Accept-Encoding", "gzip")]).await;
        assert_eq!(page.header("content-encoding"), "gzip");
        assert!(page.body.len() <= 60_000, "{path}: {} octets", page.body.len());
        assert_eq!(hostnames(&served.get(path).await).len(), 200, "{path}");
    }
}

#[tokio::test]
async fn links_to_other_pages_and_orders_keep_the_filters() {
    let served = Served::with(many(250, "h")).await;
    let page = served.get("/?q=h&zone=shop.example&sort=hostname").await;
    assert_eq!(hostnames(&page).len(), 200);
    let links = links(&page);
    let next = links.iter().find(|link| link.contains("cursor=")).unwrap();
    assert!(next.starts_with("/?q=h&zone=shop.example&sort=hostname&cursor="), "{next}");
    assert!(links.contains(&"/?q=h&zone=shop.example&sort=ends".to_owned()));
    assert!(links.contains(&"/?q=h&zone=shop.example&verdict=critical&sort=hostname".to_owned()));
    for (name, value) in [("zone", "shop.example"), ("sort", "hostname")] {
        let input = format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
        assert!(page.text().contains(&input), "{input}");
    }
    assert!(links.contains(&"/?zone=shop.example&sort=hostname".to_owned()));
    let next = served.get(next).await;
    assert_eq!(hostnames(&next).first(), Some(&"h0200.shop.example"));
    assert_eq!(hostnames(&next).len(), 50);
    // 101 expired, 6 end in the next days and 23 later, so the second page is the last one
    let page = served.get("/").await;
    assert!(page.text().contains("<h2>130 hostnames to look at</h2>"));
    assert!(!page.text().contains("next page"));
}

#[tokio::test]
async fn a_week_of_the_timeline_links_to_the_hostnames_from_that_week_on() {
    let served = Served::with(many(250, "h")).await;
    let page = served.get("/").await;
    let weeks = between(page.text(), "<tr><td>2026-", "</td></tr>");
    assert_eq!(weeks.len(), 22);
    assert!(weeks[1].starts_with("03-08</td><td><a href=\"/?sort=ends&"), "{}", weeks[1]);
    assert!(weeks[1].ends_with(">7</a>"), "{}", weeks[1]);
    let link = between(weeks[1], "href=\"", "\"")[0].replace("&#38;", "&").replace("&amp;", "&");
    let first = served.get(&link).await;
    assert_eq!(hostnames(&first).first(), Some(&"h0107.shop.example"));
}

#[tokio::test]
async fn the_colour_of_the_time_scale_depends_only_on_the_time_left() {
    let served = Served::with(troubled()).await;
    let page = served.get("/?zone=shop.example").await;
    let colour = |name: &str| {
        let row =
            between(page.text(), "<tr role=\"row\">", "</tr>").into_iter().find(|row| row.contains(name));
        between(row.unwrap(), "<svg class=\"s ", "\"").concat()
    };
    assert_eq!(colour("expired.shop.example"), "critical");
    assert_eq!(colour("*.drifted.shop.example"), "ok");
    assert_eq!(colour("stuck.shop.example"), "ok");
}

#[tokio::test]
async fn a_bar_of_the_timeline_has_the_severity_of_its_first_expiry() {
    let ends = [("a.shop.example", 3), ("b.shop.example", 12), ("c.shop.example", 33)];
    let readings =
        ends.map(|(name, end)| (name, Ok(reading(Association::Enabled, certificate(1, days(end), "CA")))));
    let served = Served::with(snapshot(vec![zone("shop.example", readings.into())])).await;
    let page = served.get("/").await;
    // the bar has the severity of the expiry, not that of the start of its week
    assert_eq!(between(page.text(), "<rect class=\"", "\""), ["critical", "warning", "ok"]);
}

#[tokio::test]
async fn certificates_show_the_worst_verdicts_of_the_hostnames_that_use_them() {
    let served = Served::with(troubled()).await;
    let page = served.get("/certificates").await;
    let row = between(page.text(), "<tr role=\"row\">", "</tr>")
        .into_iter()
        .find(|row| row.contains("/certificates/shop.example/00000001"));
    let row = row.unwrap().replace("&#38;", "&").replace("&amp;", "&");
    assert!(row.contains("<span class=\"left critical\">2026-02-27 (2 days ago)</span>"), "{row}");
    let link = format!("/?q={}&zone=shop.example&verdict=critical", id(1));
    assert!(row.contains(&format!("<a class=\"verdict critical\" href=\"{link}\">1 critical</a>")), "{row}");
    assert_eq!(hostnames(&served.get(&link).await), ["expired.shop.example"]);
    // no hostname uses a zone-level certificate
    let row = between(page.text(), "<tr role=\"row\">", "</tr>")
        .into_iter()
        .find(|row| row.contains("/certificates/shop.example/00000009"));
    assert!(!row.unwrap().contains("href=\"/?q="));
    let page = served.get(&format!("/certificates/shop.example/{}", id(1))).await;
    assert!(page.text().contains("judged through the hostnames that use it, below"));
    let page = served.get(&format!("/certificates/shop.example/{}", id(9))).await;
    assert!(!page.text().contains("judged through the hostnames"));
}

#[tokio::test]
async fn the_hostnames_of_a_certificate_are_found_whatever_its_id() {
    // an id in upper case, and one that is a substring of every name
    for id in ["ABCDEF12-0C35", "e"] {
        let details = CertificateDetails { id: id.parse().ok(), ..CertificateDetails::default() };
        let own = Arc::new(Certificate::new(details, None));
        let names: Vec<_> = (0..250).map(|number| format!("e{number:04}.shop.example")).collect();
        let mut readings: Vec<_> = names
            .iter()
            .map(|name| (&**name, Ok(reading(Association::Enabled, certificate(7, days(5), "CA")))))
            .collect();
        readings.push(("last.shop.example", Ok(reading(Association::Disabled, own))));
        let served = Served::with(snapshot(vec![zone("shop.example", readings)])).await;
        let page = served.get(&format!("/certificates/shop.example/{id}")).await;
        assert_eq!(hostnames(&page), ["last.shop.example"], "{id}");
    }
    let details = CertificateDetails { id: "ABCDEF12-0C35".parse().ok(), ..CertificateDetails::default() };
    let own = Arc::new(Certificate::new(details, None));
    let readings = vec![("app.shop.example", Ok(reading(Association::Disabled, own)))];
    let served = Served::with(snapshot(vec![zone("shop.example", readings)])).await;
    for q in ["ABCDEF12", "abcdef12", "app.shop.example."] {
        assert_eq!(hostnames(&served.get(&format!("/?q={q}")).await), ["app.shop.example"], "{q}");
    }
    assert!(served.get("/certificates?q=ABCDEF12").await.text().contains("<h1>1 certificate</h1>"));
}

#[tokio::test]
async fn filters_of_certificates_and_zones_are_shown_and_can_be_removed() {
    let served = Served::with(troubled()).await;
    for path in ["/certificates", "/zones"] {
        let page = served.get(&format!("{path}?zone=shop.example&sort=zone")).await;
        assert!(page.text().contains("zone: <bdi>shop.example</bdi>"), "{path}");
        for link in [format!("{path}?sort=zone"), path.to_owned()] {
            assert!(links(&page).contains(&link), "{link}");
        }
    }
}

#[tokio::test]
async fn the_advice_for_unlisted_zones_names_the_zone_read_permission() {
    let pattern = PatternTarget {
        account: "ops".into(),
        pattern: "*".parse().unwrap(),
        only: None,
        exclude: Vec::new(),
        extent: Extent::default(),
    };
    let targets = Targets::new([]).with_patterns(vec![pattern]);
    let none = Snapshot::default().retarget(&targets);
    let served = Served::with(none.with_zones("ops", None, Err(Reason::Forbidden), now())).await;
    let page = served.get("/").await;
    assert!(
        page.text().contains("Give the token the permission “Zone: Read” for all zones"),
        "{}",
        page.text()
    );
    assert!(!page.text().contains("SSL and Certificates: Read"));
    // if no zone matches, the page does not say that everything is fine
    let served = Served::with(none.with_zones("ops", Some(Vec::new()), Ok(()), now())).await;
    let page = served.get("/").await;
    assert_eq!(between(page.text(), "<h1>", "</h1>"), ["No zone is watched"]);
    assert!(page.text().contains("match none of the zones that the token sees"));
}

#[tokio::test]
async fn the_heading_says_that_a_configuration_was_refused_if_nothing_else_is_wrong() {
    let fine = || Ok(reading(Association::Enabled, certificate(1, days(200), "CA")));
    let fine = snapshot(vec![zone("shop.example", vec![("app.shop.example", fine())])]);
    let page = Served::with(fine.clone()).await.get("/").await;
    assert_eq!(between(page.text(), "<h1>", "</h1>"), ["Everything is fine"]);
    let page = refused(fine).await.get("/").await;
    assert_eq!(
        between(page.text(), "<h1>", "</h1>"),
        ["All that is watched is fine, but the latest configuration was refused"]
    );
}

#[tokio::test]
async fn the_advice_to_replace_a_pinned_certificate_mentions_the_configuration() {
    let name = "app.shop.example";
    for (pinned, is_told) in [(None, false), (Some(id(1)), true)] {
        let cert_id = pinned.map(|id| id.parse().unwrap());
        let expectation = Expectation { association: Expected::Enabled, cert_id, ..Expectation::default() };
        let target = HostnameTarget { hostname: name.parse().unwrap(), expectation };
        let read = Ok(reading(Association::Enabled, certificate(1, days(-2), "CA")));
        let (_, outcomes) = zone("shop.example", vec![(name, read)]);
        let zone = ZoneTarget::named("ops".into(), "shop.example".parse().unwrap(), None);
        let served = Served::with(snapshot(vec![(zone.with_hostnames(vec![target]), outcomes)])).await;
        let page = served.get("/hostnames/shop.example/app.shop.example").await;
        assert!(page.text().contains("certificate rotate 00000001-"));
        assert_eq!(page.text().contains("Then change cert_id in the configuration"), is_told);
    }
}

#[tokio::test]
async fn counts_come_before_banners() {
    let served = Served::with(troubled()).await;
    let page = served.get("/").await;
    let at = |text| page.text().find(text).unwrap();
    assert!(at("class=\"counts\"") < at("class=\"note"));
}
