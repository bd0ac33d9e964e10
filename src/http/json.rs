//! The JSON API. Dates are in RFC 3339; unknown values are null.

mod certificate;
mod hostname;
mod judged;
mod origin;
mod status;
mod zone;

use std::marker::PhantomData;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::activity::Activity;
use super::index::{Index, List, Row, Thing};
use super::query::{Query, Sort};
use crate::domain::{Date, Entry, Judge, ZoneCertificate, ZoneState};
use certificate::CertificateFields;
use hostname::HostnameRow;
use status::StatusRow;
use zone::ZoneRow;

pub use certificate::CertificateRow;
pub use hostname::ReadingFields;
pub use judged::Judged;

fn time(date: Date) -> Timestamp {
    date.into()
}

/// A kind of item that the API lists.
pub(super) trait Listed: Thing {
    /// Returns the list of all items.
    fn list(index: &Index) -> &List<Self>;

    /// Renders a row of the response.
    fn row<'a>(index: &Index, row: &Row<'a, Self>) -> impl Serialize + use<'a, Self>;
}

impl Listed for Entry {
    fn list(index: &Index) -> &List<Self> {
        index.hostnames()
    }

    fn row<'a>(index: &Index, row: &Row<'a, Self>) -> impl Serialize + use<'a> {
        HostnameRow::new(index.judge(), row.zone, row.thing)
    }
}

impl Listed for ZoneCertificate {
    fn list(index: &Index) -> &List<Self> {
        index.certificates()
    }

    fn row<'a>(index: &Index, row: &Row<'a, Self>) -> impl Serialize + use<'a> {
        CertificateRow::new(index.judge(), row.zone, row.thing)
    }
}

impl Listed for ZoneState {
    fn list(index: &Index) -> &List<Self> {
        index.zones()
    }

    fn row<'a>(index: &Index, row: &Row<'a, Self>) -> impl Serialize + use<'a> {
        ZoneRow::new(index.judge(), row.thing, index.hostnames_of(row.zone_index), row.ends)
    }
}

/// Renders the response to a query: some rows, and the cursor of the next page.
pub(super) fn list<T: Listed>(index: &Index, query: &Query) -> Vec<u8> {
    #[derive(Serialize)]
    struct Answer<R> {
        items: Vec<R>,
        next: Option<String>,
    }
    let page = T::list(index).page(index.judge(), query);
    let items = page.rows.iter().map(|row| T::row(index, row)).collect();
    document(&Answer { items, next: page.next.map(|cursor| cursor.to_string()) })
}

/// Renders the summary.
pub(super) fn status(index: &Index, activity: &Activity) -> Vec<u8> {
    document(&StatusRow::new(index, activity))
}

/// Renders the whole judged snapshot as one document: the summary and all rows of all lists.
pub fn everything(judge: Judge) -> Vec<u8> {
    #[derive(Serialize)]
    struct Everything<'a> {
        status: StatusRow<'a>,
        zones: All<'a, ZoneState>,
        certificates: All<'a, ZoneCertificate>,
        hostnames: All<'a, Entry>,
    }
    let (index, activity) = (&Index::new(judge), &Activity::default());
    document(&Everything {
        status: StatusRow::new(index, activity),
        zones: All(index, PhantomData),
        certificates: All(index, PhantomData),
        hostnames: All(index, PhantomData),
    })
}

/// All rows of a list, sorted by zone. They are serialised one by one, since there may be 100,000.
struct All<'a, T>(&'a Index, PhantomData<T>);

impl<T: Listed> Serialize for All<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = T::list(self.0).rows(self.0.judge(), Sort::Zone);
        serializer.collect_seq(rows.map(|row| T::row(self.0, &row)))
    }
}

/// Serialises to memory. This cannot fail: no value has a map, or a `Serialize` that fails.
fn document(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec(value).unwrap_or_default();
    text.push(b'\n');
    text
}
