//! Tests of pages with arbitrary text from the API, parsed by an independent parser.

use std::sync::Arc;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::domain::{
    Association, Certificate, CertificateDetails, Expectation, HostnameTarget, Level, Outcome, Reading,
    Snapshot, Targets, ZoneCertificate, ZoneTarget,
};
use cloudflare_aop_exporter::metrics::{Format, Source, View};
use cloudflare_aop_exporter::telemetry::{Endpoint, Telemetry};
use proptest::prelude::*;
use tokio::sync::watch;

use crate::support::exposition::{Sample, samples};

/// Generates arbitrary text, mostly of characters that must be escaped.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "([\\\\\"\n\r{},= ]|\\PC|[\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}\u{202e}]){0,40}",
        any::<String>(),
        "[é\\\\\n]{200,300}",
    ]
}

/// Returns the pages of one hostname in both formats, with these texts in its labels.
fn pages(account: &str, issuer: &str, serial_number: &str, signature: &str) -> [String; 2] {
    let now = jiff::Timestamp::UNIX_EPOCH;
    let details = CertificateDetails {
        id: Some("one".parse().unwrap()),
        issuer: Some(issuer.into()),
        serial_number: Some(serial_number.into()),
        signature: Some(signature.into()),
        expires_on: Some(now.into()),
    };
    let certificate = Arc::new(Certificate::new(details, None));
    let row = ZoneCertificate {
        id: "one".parse().unwrap(),
        level: Level::Zone,
        status: None,
        since: None,
        uploaded_on: None,
        certificate: Arc::clone(&certificate),
        hostnames: None,
    };
    let hostname = "app.example.com".parse().unwrap();
    let zone = ZoneTarget::named(account.into(), "example.com".parse().unwrap(), None);
    let zone = zone
        .with_hostnames(vec![HostnameTarget { hostname, expectation: Expectation::default() }])
        .with_extent(cloudflare_aop_exporter::domain::Extent { zone_level: true, ..Default::default() });
    let reading =
        Reading { certificate: Some(certificate), ..Reading::bare(Association::Enabled, now.into()) };
    let key = zone.key().clone();
    let outcomes = [
        Outcome::Read("app.example.com".parse().unwrap(), Ok(reading)),
        Outcome::ZoneLevel { enabled: Ok(true), certificates: Ok(vec![row]), at: now.into() },
        Outcome::Ended { result: Ok(()), at: now.into() },
    ];
    let outcomes = outcomes.map(|outcome| (key.clone(), outcome));
    let snapshot = Snapshot::default().retarget(&Targets::new([zone])).fold(outcomes);
    let telemetry = Arc::new(Telemetry::new().unwrap());
    telemetry.request(account, Endpoint::HostnameGet, Some(200), std::time::Duration::ZERO);
    let snapshot = watch::channel(Arc::new(snapshot)).1;
    let source = Source { snapshot, telemetry, clock: Clock::fixed(now) };
    [Format::Text, Format::OpenMetrics].map(|format| {
        let (mut page, mut text) = (source.page(format, View::default()), Vec::new());
        while page.fill(&mut text, usize::MAX) {}
        String::from_utf8(text).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_from_the_api_survives_both_formats(
        account in text(), issuer in text(), serial_number in text(), signature in text(),
    ) {
        let [text, open_metrics] = pages(&account, &issuer, &serial_number, &signature);
        let text = samples(&text, false).unwrap();
        let open_metrics = samples(&open_metrics, true).unwrap();
        let lasting = |samples: &[Sample]| {
            let samples = samples.iter().filter(|sample| !sample.name.starts_with("process_"));
            samples.cloned().collect::<Vec<_>>()
        };
        prop_assert_eq!(lasting(&text), lasting(&open_metrics));

        let labels = |name: &str| &text.iter().find(|sample| sample.name == name).unwrap().labels;
        for info in ["cloudflare_aop_hostname_certificate_info", "cloudflare_aop_certificate_info"] {
            for (key, said) in [("issuer", &issuer), ("serial_number", &serial_number), ("signature", &signature)] {
                prop_assert_eq!(&*labels(info)[key], &said[..said.floor_char_boundary(256)]);
            }
        }
        prop_assert_eq!(&labels("cloudflare_aop_api_requests_total")["account"], &account);
    }
}

#[test]
fn the_parser_refuses_malformed_pages() {
    let good = "# HELP a b\n# TYPE a gauge\na{b=\"\\\\\\\"\\n\"} 1\na 2.5\n";
    assert_eq!(samples(good, false).unwrap().len(), 2);
    for bad in [
        "a 1\n",
        "# TYPE a gauge\nb 1\n",
        "# TYPE a gauge\na 1\na 1\n",
        "# TYPE a gauge\na 1",
        "# TYPE a gauge\na{b=\"\"\"} 1\n",
        "# TYPE a gauge\na{b=\"\\x\"} 1\n",
        "# TYPE a gauge\na{b=\"1\",b=\"2\"} 1\n",
        "# TYPE a gauge\na{b=\"1\"}  1\n",
        "# TYPE a gauge\na one\n",
        "# TYPE a gauge\n# TYPE b gauge\n# TYPE a gauge\n",
    ] {
        assert!(samples(bad, false).is_err(), "{bad}");
    }
    assert!(samples("# TYPE a gauge\na 1\n", true).is_err(), "no # EOF");
    assert!(samples("# TYPE a counter\na 1\n# EOF\n", true).is_err(), "no _total");
}
