//! Tables of texts and numbers, put out.

use std::sync::Arc;

use svcflow_influxql::Page;

use crate::{CancelReason, Column, QueryError, ResultSink, SeriesFrame, Values};

/// Texts as a column.
pub(crate) fn texts<T: Into<Arc<str>>>(values: impl IntoIterator<Item = T>) -> Column {
    Column::valid(Values::String(values.into_iter().map(Into::into).collect()))
}

/// A table to be put out.
pub(crate) struct Table<'a> {
    pub(crate) name: &'a str,
    pub(crate) tags: &'a [(&'a str, &'a str)],
    pub(crate) columns: &'a [&'a str],
    pub(crate) values: &'a [Column],
}

impl Table<'_> {
    /// Puts it out, even if it has no rows.
    pub(crate) fn put_out(&self, sink: &mut dyn ResultSink) -> Result<(), QueryError> {
        let columns: Vec<Arc<str>> = self.columns.iter().map(|name| (*name).into()).collect();
        let frame = SeriesFrame {
            name: self.name,
            tags: self.tags,
            columns: &columns,
            values: self.values,
            rows: 0..self.values.first().map_or(0, Column::len),
            continues: false,
            zone: None,
        };
        sink.frame(&frame).map_err(|_| QueryError::Cancelled(CancelReason::Client))
    }
}

/// What `LIMIT` and `OFFSET` leave.
pub(crate) fn paged<T>(rows: impl IntoIterator<Item = T>, page: &Page) -> Vec<T> {
    let number = |it: u64| usize::try_from(it).unwrap_or(usize::MAX);
    let limit = page.limit.map_or(usize::MAX, |limit| number(limit.get()));
    rows.into_iter().skip(number(page.offset)).take(limit).collect()
}
