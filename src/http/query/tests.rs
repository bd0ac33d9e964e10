use super::*;

fn parse(text: &str) -> Result<Query, String> {
    Query::parse(Some(text), Sort::Zone).map_err(|error| error.to_string())
}

fn cursor(sort: Sort) -> String {
    let key =
        SortKey { verdict: Verdict::Warning, ends: -5, zone: "example", name: "*.a.example", level: "" };
    Cursor::new(sort, &key).to_string()
}

#[test]
fn missing_and_empty_parameters_select_nothing() {
    assert_eq!(Query::parse(None, Sort::Verdict), Ok(Query::all(Sort::Verdict)));
    for text in ["", "&", "q=+%20", "q=&zone=&account&hostname=&verdict=&finding=&sort=&limit=&cursor="] {
        assert_eq!(parse(text), Ok(Query::all(Sort::Zone)), "{text}");
    }
}

#[test]
fn parameters_are_parsed_and_normalised() {
    let next = cursor(Sort::Ends);
    let text = format!(
        "q=+Foo%2B&zone=Example.COM.&account=a%26b+c&hostname=%2a.b%C3%BCcher.example&verdict=critical\
         &finding=expired&sort=ends&limit=1000&cursor={next}"
    );
    let expected = Query {
        zone: "example.com".parse().ok(),
        account: Some("a&b c".into()),
        hostname: "*.xn--bcher-kva.example".parse().ok(),
        verdict: Some(Verdict::Critical),
        finding: Some(Finding::Expired),
        q: Some("foo+".into()),
        sort: Sort::Ends,
        limit: 1000,
        cursor: Cursor::parse(&next),
    };
    assert!(expected.zone.is_some() && expected.hostname.is_some() && expected.cursor.is_some());
    assert_eq!(parse(&text), Ok(expected));
    for (q, found) in [
        ("B%C3%9Ccher.example", "xn--bcher-kva.example"),
        ("App.example.com.", "app.example.com"),
        ("b%C3%BCcher.example.", "xn--bcher-kva.example"),
    ] {
        assert_eq!(parse(&format!("q={q}")).unwrap().q.as_deref(), Some(found));
    }
}

#[test]
fn an_invalid_parameter_is_refused_with_the_expected_value() {
    let codes = one_of(Finding::ALL.map(Finding::code));
    let foreign = cursor(Sort::Verdict);
    for (text, error) in [
        (
            "page=2",
            "query: expected q, zone, account, hostname, verdict, finding, sort, limit or cursor, found \"page\"",
        ),
        ("zone=a&zone=", "zone: expected once, found twice"),
        ("q=%ff", "query: expected percent-encoded UTF-8, found \"%ff\""),
        ("zone=-%20-", "zone: expected the name or id of a zone, found \"- -\""),
        ("hostname=a..b", "hostname: expected a hostname such as app.example.com, found \"a..b\""),
        ("verdict=bad", "verdict: expected critical, warning, unknown, info or ok, found \"bad\""),
        ("finding=x", &format!("finding: expected {codes}, found \"x\"")),
        ("sort=name", "sort: expected verdict, ends, hostname or zone, found \"name\""),
        ("limit=0", "limit: expected a number of 1 to 1000, found \"0\""),
        ("limit=1001", "limit: expected a number of 1 to 1000, found \"1001\""),
        ("cursor=x", "cursor: expected the value of next in an answer, found \"x\""),
        (
            &format!("cursor={foreign}"),
            "cursor: expected the cursor of an answer sorted by zone, found one of another order",
        ),
    ] {
        assert_eq!(parse(text), Err(error.to_owned()), "{text}");
    }
    assert!(parse(&format!("q={}&verdict={}", "x".repeat(5000), "y".repeat(5000))).unwrap_err().len() < 200);
}

#[test]
fn a_formatted_query_parses_to_the_same_query() {
    assert_eq!(Query::all(Sort::Verdict).to_string(), "");
    for text in [
        "q=a%2Bb%26c%3C".to_owned(),
        "zone=example.com&account=%C3%BC&verdict=ok&finding=stale".to_owned(),
        format!("hostname=a.example&sort=hostname&limit=7&cursor={}", cursor(Sort::Hostname)),
    ] {
        let query = Query::parse(Some(&text), Sort::Verdict).unwrap();
        assert_eq!(query.to_string(), format!("?{text}"));
    }
}
