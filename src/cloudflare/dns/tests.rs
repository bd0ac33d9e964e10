use serde_json::{Value, json};

use super::*;
use crate::domain::RecordData;

fn record(id: &str, kind: &str, name: &str, content: &str) -> Value {
    json!({"id": id, "type": kind, "name": name, "content": content, "proxied": true, "ttl": 1, "meta": {}})
}

/// Reads these pages as far as the list requests them.
fn read(pages: &[Vec<Value>], total: usize) -> DnsRecords {
    let paging =
        Paging { per_page: PER_PAGE, shortest_full_page: SHORTEST_FULL_PAGE, most_pages: MOST_PAGES };
    let mut all = Pages::new(paging);
    for rows in pages {
        let body =
            json!({"success": true, "result": rows, "result_info": {"total_count": total}}).to_string();
        let envelope = decode_page(body.as_bytes()).unwrap();
        if !all.add(envelope.result.unwrap().unwrap(), envelope.result_info) {
            break;
        }
    }
    all.into()
}

#[test]
fn records_including_wildcards_are_read_from_all_pages() {
    let pages = [
        vec![
            record("1", "CNAME", "www.example.com", "Origin.Example.net."),
            record("2", "A", "*.example.com", "203.0.113.7"),
        ],
        vec![record("3", "AAAA", "example.com", "2001:db8::7")],
    ];
    let found = read(&pages, 3);
    assert_eq!((found.unreadable, found.complete), (0, true));
    let shown: Vec<_> =
        found.records.iter().map(|record| (record.name.as_str(), record.data.clone())).collect();
    assert_eq!(
        shown,
        [
            ("*.example.com", RecordData::Address("203.0.113.7".parse().unwrap())),
            ("example.com", RecordData::Address("2001:db8::7".parse().unwrap())),
            ("www.example.com", RecordData::Name("origin.example.net".parse().unwrap())),
        ]
    );
}

#[test]
fn an_unreadable_row_is_counted_and_does_not_affect_others() {
    let good = || record("1", "A", "a.example.com", "203.0.113.7");
    let with = |key: &str, value: Value| {
        let mut row = record("2", "A", "b.example.com", "203.0.113.8");
        row[key] = value;
        row
    };
    for row in [
        with("content", json!("2001:db8::7")),
        with("content", json!("localhost")),
        with("content", json!(null)),
        with("type", json!(null)),
        with("type", json!("AAAA")),
        with("name", json!("b example")),
        with("name", json!(7)),
        with("id", json!(null)),
        with("proxied", json!("yes")),
        with("proxied", json!(null)),
        json!(null),
    ] {
        let found = read(&[vec![good(), row.clone()]], 2);
        assert_eq!((found.records.len(), found.unreadable, found.complete), (1, 1, false), "{row}");
    }
}

#[test]
fn unproxied_records_and_other_types_are_omitted() {
    let mut open = record("1", "A", "a.example.com", "203.0.113.7");
    open["proxied"] = json!(false);
    let mut text = record("2", "TXT", "a.example.com", "v=spf1");
    text["proxied"] = json!(false);
    let found = read(&[vec![open, text, record("3", "HTTPS", "a.example.com", "1 .")]], 3);
    assert_eq!(found, DnsRecords { complete: true, ..DnsRecords::default() });
}

#[test]
fn only_the_start_of_an_endless_page_is_read() {
    let body = format!(r#"{{"success":true,"result":[{}{{}}]}}"#, "{},".repeat(1_400_000));
    let rows = decode_page(body.as_bytes()).unwrap().result.unwrap().unwrap();
    assert_eq!(rows.len(), MOST_ROWS + 1);
    assert_eq!(rows[MOST_ROWS].as_ref().unwrap_err().as_ref(), "all after the first 5000");
}

#[test]
fn ranges_of_both_families_are_read_and_an_unreadable_one_makes_its_list_odd() {
    let ranges = |result: Value| {
        let body = json!({"success": true, "result": result}).to_string();
        let envelope = decode_ranges(body.as_bytes()).unwrap();
        (envelope.result.unwrap(), envelope.odd.into_iter().collect::<Vec<_>>())
    };
    let range = |text: &str| text.parse::<IpRange>().unwrap();
    let both = Ok(vec![range("173.245.48.0/20"), range("2606:4700::/32")]);
    let v4 = json!(["173.245.48.0/20"]);
    assert_eq!(
        ranges(json!({"ipv4_cidrs": v4, "ipv6_cidrs": ["2606:4700::/32"], "etag": "x"})),
        (both.clone(), vec![])
    );
    for more in [json!("x"), json!("10.0.0.0"), json!(7), json!(null)] {
        let v6 = json!(["2606:4700::/32", more]);
        assert_eq!(ranges(json!({"ipv4_cidrs": v4, "ipv6_cidrs": v6})), (both.clone(), vec!["ipv6_cidrs"]));
    }
    let first = Ok(vec![range("173.245.48.0/20")]);
    assert_eq!(ranges(json!({"ipv4_cidrs": v4, "ipv6_cidrs": {}})), (first.clone(), vec!["ipv6_cidrs"]));
    assert_eq!(ranges(json!({"ipv4_cidrs": v4})), (first, vec![]));
    for none in [json!({}), json!({"ipv4_cidrs": [], "ipv6_cidrs": null})] {
        assert_eq!(ranges(none).0, Err("the response has no address range".to_owned()));
    }
}
