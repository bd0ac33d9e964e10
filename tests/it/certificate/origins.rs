//! The origins that a new certificate is offered to: those that the configuration names, and those in DNS records.

use std::io::ErrorKind;

use cloudflare_aop_exporter::simulator::{DnsRecord, Permission, Scope};
use rustls::version::TLS13;
use tokio::net::TcpListener;

use super::{PAIR, Ran, Stage, TOKEN, ZERO};
use crate::support::origin::{Asks, Does, Origin, tls};

/// An origin that asks for a certificate and sends this status line.
async fn origin(address: &str, answer: &str) -> Option<Origin> {
    match TcpListener::bind(address).await {
        // only privileged users may listen on port 443
        Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
        listener => {
            let says = format!("HTTP/1.1 {answer}\r\ncontent-length: 2\r\n\r\nhi").into_bytes();
            Some(Origin::on(
                listener.unwrap(),
                Some(tls(Asks::Optional(Vec::new()), &[&TLS13])),
                Does::Says(says),
            ))
        }
    }
}

impl Stage {
    fn points_to(&self, records: &[(&str, &str, &str)]) {
        let records = records.iter().map(|(kind, label, content)| DnsRecord {
            kind: (*kind).to_owned(),
            name: format!("{label}.example.com"),
            content: (*content).to_owned(),
            proxied: true,
        });
        let records = records.collect();
        self.api.simulator.with_world(|world| world.zone("example.com").unwrap().set_records(records));
    }

    /// Runs a rotation with this configuration of the zone.
    async fn rotate(&self, arguments: &str, zone: &str) -> Ran {
        let config = format!(
            "[probe]\nprivate_addresses = true\n[[account]]\nbase_url = \"{}\"\n[[account.zone]]\nname = \"example.com\"\n{zone}\n",
            self.api.base_url
        );
        std::fs::write(self.folder.path().join("aop.toml"), config).unwrap();
        let arguments = format!("rotate {} {PAIR} --config aop.toml {arguments}", self.old);
        self.run_plainly(&arguments).await
    }
}

#[tokio::test]
async fn an_origin_from_dns_records_is_offered_the_new_certificate_and_can_refuse_it() {
    let stage = Stage::new(ZERO).await;
    let zone = "hostnames = [\"a.example.com\", \"b.example.com\"]\norigins = \"dns\"";
    stage.points_to(&[("A", "a", "127.44.6.1"), ("A", "b", "127.44.6.2")]);
    let refusing = origin("127.44.6.1:443", "495 Bad").await;
    let asked_for_b = origin("127.44.6.2:443", "200 OK").await;
    if refusing.is_some() {
        let refused = stage.rotate("--yes", zone).await;
        assert_eq!(refused.code, Some(1), "{}", refused.err);
        let expected = "origin 127.44.6.1 of a.example.com REFUSES the new certificate (HTTP status 495)";
        assert!(refused.err.contains(expected), "{}", refused.err);
        assert!(refused.err.contains("1 of 1 origins would refuse"), "{}", refused.err);
        assert_eq!(stage.count("POST"), 0);
        assert_eq!(asked_for_b.unwrap().connections(), 0, "Cloudflare presents nothing to it: b is disabled");
    }
    drop(refusing);
    let unreachable = stage.rotate("--dry-run", zone).await;
    let expected = "origin 127.44.6.1 of a.example.com could not be tried: cannot connect";
    assert!(unreachable.out.contains(expected), "{}{}", unreachable.out, unreachable.err);
    let _accepting = origin("127.44.6.1:443", "200 OK").await;
    let done = stage.rotate("--yes", zone).await;
    assert_eq!(done.code, Some(0), "{}", done.err);
}

#[tokio::test]
async fn origins_that_are_not_tried_are_named_before_anything_is_changed() {
    let stage = Stage::new(ZERO).await;
    let zone = "hostnames = [\"a.example.com\"]\norigins = \"dns\"";
    stage.points_to(&[("CNAME", "a", "x.cfargotunnel.com")]);
    let tunnel = stage.rotate("--dry-run", zone).await;
    let expected = "Note: a.example.com has no origin to try: behind a Cloudflare Tunnel\n";
    assert!(tunnel.out.contains(expected), "{}{}", tunnel.out, tunnel.err);

    let permissions = vec![Permission::ZoneRead, Permission::SslRead, Permission::SslEdit];
    stage.api.simulator.set_scope(TOKEN, Scope { permissions, ..Scope::default() });
    let unread = stage.rotate("--dry-run", zone).await;
    let expected = "Note: the origins from DNS records are not tried: DNS records: the token lacks the permission \
                    \"DNS Read\" for this zone";
    assert!(unread.out.contains(expected), "{}{}", unread.out, unread.err);

    stage.api.simulator.with_world(|world| {
        let zone = world.zone("example.com").unwrap();
        zone.associate(&"c.example.com".parse().unwrap(), &stage.old, Some(true)).unwrap();
    });
    let named = "hostnames = [{ name = \"a.example.com\", origin = \"127.0.0.1:1\" }, \"b.example.com\"]";
    let one = stage.rotate("--dry-run", named).await;
    for expected in [
        "origin 127.0.0.1:1 of a.example.com could not be tried: cannot connect\n",
        "Note: the configuration names no origin of c.example.com: the new certificate is not tried there.\n",
    ] {
        assert!(one.out.contains(expected), "{expected}\n{}{}", one.out, one.err);
    }
}

#[tokio::test]
async fn a_zone_level_certificate_is_offered_to_origins_of_hostnames_without_one_of_their_own() {
    let stage = Stage::new(ZERO).await;
    stage.points_to(&[("A", "b", "127.44.6.3"), ("A", "a", "127.44.6.4"), ("A", "none", "127.44.6.5")]);
    let zone = "hostnames = [\"a.example.com\", \"none.example.com\"]\norigins = \"dns\"";
    let stage = Stage { old: stage.zone_level.clone(), ..stage };
    let ran = stage.rotate("--level zone --dry-run", zone).await;
    for (ip, label, is_tried) in
        [("127.44.6.3", "b", true), ("127.44.6.4", "a", false), ("127.44.6.5", "none", true)]
    {
        let line = format!("origin {ip} of {label}.example.com could not be tried");
        assert_eq!(ran.out.contains(&line), is_tried, "{line}\n{}{}", ran.out, ran.err);
    }
}
