use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const PAGING: Paging =
    Paging { per_page: PER_PAGE, shortest_full_page: SHORTEST_FULL_PAGE, most_pages: MOST_PAGES };

fn id(number: usize) -> String {
    format!("{number:032x}")
}

fn zone(number: usize) -> Value {
    json!({"id": id(number), "name": format!("zone-{number}.example"), "status": "active", "type": "full"})
}

/// Reads these pages of rows and `result_info`, as far as the list requests them.
fn read(pages: &[(Vec<Value>, Value)]) -> ZoneList {
    let mut all = Pages::new(PAGING);
    for (rows, info) in pages {
        let body = json!({"success": true, "result": rows, "result_info": info}).to_string();
        let envelope = decode_page(body.as_bytes()).unwrap();
        if !all.add(envelope.result.unwrap().unwrap(), envelope.result_info) {
            break;
        }
    }
    all.into()
}

/// Returns the pages of a list of these zones.
fn pages(numbers: &[usize], total: usize) -> Vec<(Vec<Value>, Value)> {
    let info = json!({"total_count": total, "total_pages": total.div_ceil(PER_PAGE)});
    let page = |page: &[usize]| (page.iter().copied().map(zone).collect(), info.clone());
    numbers.chunks(PER_PAGE).map(page).collect()
}

fn whole(count: usize) -> Vec<(Vec<Value>, Value)> {
    pages(&(1..=count).collect::<Vec<_>>(), count)
}

fn one(rows: Vec<Value>) -> ZoneList {
    let total = rows.len();
    read(&[(rows, json!({"total_count": total, "total_pages": 1}))])
}

#[test]
fn an_internal_zone_without_a_dns_name_leaves_the_list_complete() {
    let internal = json!({"id": id(2), "name": "our zone!", "status": "active", "type": "internal"});
    let list = one(vec![zone(1), internal]);
    assert_eq!((list.zones.len(), list.complete), (1, true));
}

#[test]
fn an_unreadable_row_makes_the_list_incomplete_and_affects_no_other_row() {
    for row in [
        json!({"id": "2", "name": "two.example", "status": "active"}),
        json!({"id": id(2), "name": "two example", "status": "active"}),
        json!({"id": id(2), "status": "active"}),
        json!({"name": "two.example", "type": "internal"}),
        json!(null),
    ] {
        let list = one(vec![zone(1), row.clone(), zone(3)]);
        assert_eq!((list.zones.len(), list.complete), (2, false), "{row}");
    }
}

#[test]
fn a_zone_repeated_on_one_page_makes_the_list_incomplete() {
    let list = one(vec![zone(1), zone(1)]);
    assert_eq!((list.zones.len(), list.complete), (1, false));
}

#[test]
fn an_empty_list_is_complete() {
    assert!(one(Vec::new()).complete);
    let null = json!({"success": true, "result": null, "result_info": {"total_count": 0}}).to_string();
    assert_eq!(decode_page(null.as_bytes()).unwrap().result.unwrap().unwrap().len(), 0);
}

#[test]
fn a_list_without_a_length_ends_with_a_page_that_cannot_be_full() {
    for (count, read_pages) in [(119, 3), (120, 4)] {
        let mut pages = whole(count);
        pages.push((Vec::new(), Value::Null));
        pages.iter_mut().for_each(|(_, info)| *info = Value::Null);
        let list = read(&pages);
        assert_eq!((list.zones.len(), list.complete, list.pages), (count, true, read_pages));
    }
}

#[test]
fn a_list_with_too_many_pages_is_truncated_and_incomplete() {
    let list = read(&pages(&(0..PER_PAGE * 1000 + 1).collect::<Vec<_>>(), PER_PAGE * 1000 + 1));
    assert_eq!((list.zones.len(), list.complete, list.pages), (PER_PAGE * 1000, false, 1000));
}

#[test]
fn only_the_start_of_an_endless_page_is_read() {
    let body = format!(r#"{{"success":true,"result":[{}{{}}]}}"#, "{},".repeat(1_400_000));
    let rows = decode_page(body.as_bytes()).unwrap().result.unwrap().unwrap();
    assert_eq!(rows.len(), MOST_ROWS + 1);
    assert_eq!(rows[MOST_ROWS].as_ref().unwrap_err().as_ref(), "all after the first 1000");
}

proptest! {
    #[test]
    fn a_list_that_does_not_change_is_complete_and_sorted_by_id(count in 0..300_usize) {
        let list = read(&whole(count));
        prop_assert!(list.complete);
        prop_assert_eq!(list.pages as usize, count.div_ceil(PER_PAGE));
        let ids: Vec<_> = list.zones.iter().map(|zone| zone.id.to_string()).collect();
        prop_assert_eq!(ids, (1..=count).map(id).collect::<Vec<_>>());
    }

    #[test]
    fn a_zone_that_repeats_on_another_page_makes_the_list_incomplete(
        count in 51..300_usize,
        from in 0..50_usize,
        to in any::<proptest::sample::Index>(),
    ) {
        let mut numbers: Vec<_> = (1..=count).collect();
        // on a later page than its own
        numbers[PER_PAGE + to.index(count - PER_PAGE)] = numbers[from];
        prop_assert!(!read(&pages(&numbers, count)).complete);
    }

    #[test]
    fn a_list_whose_total_changes_while_it_is_read_is_not_complete(
        count in 51..300_usize,
        page in any::<proptest::sample::Index>(),
        change in prop_oneof![Just(-1_i64), Just(1)],
    ) {
        let mut pages = whole(count);
        let page = 1 + page.index(pages.len() - 1);
        let changed = (count as i64) + change;
        for (_, info) in &mut pages[page..] {
            info["total_count"] = json!(changed);
        }
        prop_assert!(!read(&pages).complete);
    }

    #[test]
    fn a_list_that_ends_before_its_total_is_not_complete(count in 51..300_usize, missing in 1..50_usize) {
        let numbers: Vec<_> = (1..=count - missing).collect();
        let mut pages = pages(&numbers, count);
        pages.push((Vec::new(), json!({"total_count": count})));
        let list = read(&pages);
        prop_assert!(!list.complete);
        prop_assert_eq!(list.zones.len(), count - missing);
    }
}
