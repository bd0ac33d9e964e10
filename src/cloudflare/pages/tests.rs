use super::*;

const PAGING: Paging = Paging { per_page: 1000, shortest_full_page: 1, most_pages: 1000 };

type Page = (Vec<u32>, Option<ResultInfo>);

fn info(total_pages: Option<u32>, total_count: Option<u64>) -> Option<ResultInfo> {
    Some(ResultInfo { total_pages, total_count })
}

/// Returns rows with these numbers. Zero stands for an unreadable row.
fn rows(numbers: Vec<u32>) -> PageRows<u32, ()> {
    let row = |number| if number > 0 { Ok((number, ())) } else { Err("no number".into()) };
    numbers.into_iter().map(row).collect()
}

fn read_by(paging: Paging, pages: Vec<Page>) -> (u32, usize, bool) {
    let mut all = Pages::new(paging);
    for (numbers, info) in pages {
        if !all.add(rows(numbers), info) {
            break;
        }
    }
    (all.read(), all.rows.len(), all.is_complete())
}

/// Reads these pages until the list ends. Returns the number of pages and rows, and true if they are the whole list.
fn read(pages: Vec<Page>) -> (u32, usize, bool) {
    read_by(PAGING, pages)
}

#[test]
fn a_list_ends_at_its_announced_total() {
    assert_eq!(read(vec![(vec![1, 2], info(Some(1), Some(2))), (vec![], None)]), (1, 2, true));
    assert_eq!(
        read(vec![(vec![1, 2], info(Some(2), Some(3))), (vec![3], info(Some(2), Some(3)))]),
        (2, 3, true)
    );
    assert_eq!(read(vec![(vec![], info(Some(0), Some(0)))]), (1, 0, true));
    assert_eq!(read(vec![(vec![], None)]), (1, 0, true));
}

#[test]
fn a_list_without_a_total_ends_with_a_partial_page() {
    assert_eq!(read(vec![(vec![1], None), (vec![2], None), (vec![], None)]), (3, 2, true));
    let paging = Paging { shortest_full_page: 2, ..PAGING };
    assert_eq!(read_by(paging, vec![(vec![1, 2], None), (vec![3], None), (vec![4], None)]), (2, 3, true));
    assert_eq!(read_by(paging, vec![(vec![1], None), (vec![2], None)]), (1, 1, true));
}

#[test]
fn the_number_of_rows_overrides_a_wrong_number_of_pages() {
    assert_eq!(
        read(vec![(vec![1], info(Some(0), Some(2))), (vec![2], info(Some(0), Some(2)))]),
        (2, 2, true)
    );
    assert_eq!(read(vec![(vec![1], info(Some(9), Some(1))), (vec![], None)]), (1, 1, true));
}

#[test]
fn the_first_page_determines_the_number_of_pages() {
    let told = |total_pages, total_count| {
        let mut pages = Pages::new(PAGING);
        pages.add(rows(vec![1]), info(total_pages, total_count));
        pages.total_pages()
    };
    assert_eq!(told(Some(3), Some(2500)), 3);
    assert_eq!(told(None, Some(2500)), 3);
    assert_eq!(told(Some(3), None), 3);
    assert_eq!(told(None, None), 1);
    assert_eq!(told(Some(9), Some(1)), 1, "all rows have arrived");
}

#[test]
fn an_endless_list_is_abandoned() {
    let mut pages = Pages::new(PAGING);
    let read = (1..).take_while(|page| pages.add(rows(vec![*page]), None)).count();
    assert_eq!(read, 999);
    assert!(!pages.is_complete());
}

#[test]
fn a_row_repeated_within_one_page_leaves_the_list_complete() {
    let whole = info(Some(1), Some(2));
    assert_eq!(read(vec![(vec![1, 1], whole)]), (1, 1, true));
    assert_eq!(read(vec![(vec![1, 1, 2], whole)]), (1, 2, true), "counted once by the API");
    assert_eq!(read(vec![(vec![1, 1], None), (vec![], None)]), (2, 1, true));
}

#[test]
fn a_list_that_repeats_rows_changes_or_ends_early_is_incomplete() {
    let whole = info(Some(2), Some(2));
    assert_eq!(read(vec![(vec![1], whole), (vec![1], whole)]), (2, 1, false), "page loop");
    assert_eq!(read(vec![(vec![1], None), (vec![1], None)]), (2, 1, false), "page loop without a length");
    assert_eq!(read(vec![(vec![1], whole), (vec![], whole)]), (2, 1, false), "it ends early");
    assert_eq!(read(vec![(vec![1], info(Some(2), None)), (vec![], info(Some(2), None))]), (2, 1, false));
    assert_eq!(read(vec![(vec![1, 0], whole)]), (1, 1, false), "a row cannot be read");
    let mut long = vec![0; 1_000_000];
    long.push(1);
    let endless = info(Some(9), Some(9_000_000));
    assert_eq!(read(vec![(long, endless), (vec![2], endless)]), (1, 1, false), "it never ends");
    let grown = info(Some(2), Some(3));
    assert_eq!(read(vec![(vec![1], whole), (vec![2, 3], grown)]), (2, 3, false), "it grew");
}
