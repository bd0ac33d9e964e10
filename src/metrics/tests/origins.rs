//! Tests of the series of origins.

use super::*;

#[test]
fn an_origin_has_a_series_for_each_demand_or_only_for_the_current_one() {
    let of = |states| {
        let page = whole(page(Format::Text, states));
        let series =
            page.lines().filter(|line| line.starts_with("cloudflare_aop_origin_client_certificate{"));
        series.map(|line| line[line.find("origin=").unwrap()..].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of(States::All).len(), 2 * Demand::ALL.len());
    assert_eq!(
        of(States::Current),
        ["origin=\"blue\",demand=\"optional\"} 1", "origin=\"203.0.113.7\",demand=\"unknown\"} 1"]
    );
}
