//! Answers as CSV, as InfluxDB writes them: a header for each statement and whenever the columns change, `name` and
//! `tags` first, times as numbers. A statement without rows leaves no trace, and in 1.6.7 neither does one that
//! fails; here its error stands in its place.

use std::sync::Arc;

use svcflow_query::{Column, Scalar, SeriesFrame, SinkClosed, Values};

use super::epoch::Epoch;
use super::go::{csv_cell, integer, plain_float};
use super::output::{Mark, Output};

/// Writes one request's answer.
pub(super) struct Csv {
    epoch: Epoch,
    /// The columns of the header that was last written in this statement.
    columns: Option<Vec<Arc<str>>>,
    any: bool,
    /// Where the statement begins, and whether anything was there before.
    begin: (Mark, bool),
}

impl Csv {
    pub(super) fn new(output: &Output, epoch: Epoch) -> Self {
        let begin = (output.mark(), false);
        Self { epoch: epoch.for_csv(), columns: None, any: false, begin }
    }

    pub(super) fn begin(&mut self, output: &Output) {
        self.columns = None;
        self.begin = (output.mark(), self.any);
    }

    /// Puts an error in the place of a statement's rows. Where some were sent already, the answer is broken off:
    /// CSV has no place for saying that more was to come.
    pub(super) fn fail(&mut self, output: &mut Output, error: &str) -> Result<(), SinkClosed> {
        let (mark, any) = self.begin;
        if !output.take_back(mark) {
            return output.break_off();
        }
        output.put(if any { "\nerror\n" } else { "error\n" });
        csv_cell(output.bytes(), error);
        output.put("\n");
        self.any = true;
        output.step()
    }

    pub(super) fn frame(
        &mut self,
        output: &mut Output,
        frame: &SeriesFrame<'_>,
    ) -> Result<(), SinkClosed> {
        if self.columns.as_deref() != Some(frame.columns) {
            self.header(output, frame.columns);
        }
        let mut head = Vec::new();
        csv_cell(&mut head, frame.name);
        head.push(b',');
        csv_cell(&mut head, &tags(frame.tags));
        for row in frame.rows.clone() {
            let out = output.bytes();
            out.extend_from_slice(&head);
            for column in frame.values {
                out.push(b',');
                cell(out, column, row, self.epoch);
            }
            out.push(b'\n');
            output.step()?;
        }
        Ok(())
    }

    fn header(&mut self, output: &mut Output, columns: &[Arc<str>]) {
        output.put(if self.any { "\nname,tags" } else { "name,tags" });
        for column in columns {
            output.put(",");
            csv_cell(output.bytes(), column);
        }
        output.put("\n");
        self.columns = Some(columns.to_vec());
        self.any = true;
    }
}

/// Tags as in a series' key; those without a value are left out.
fn tags(tags: &[(&str, &str)]) -> String {
    let escape = |text: &str| text.replace(',', "\\,").replace(' ', "\\ ").replace('=', "\\=");
    let there = tags.iter().filter(|(_, value)| !value.is_empty());
    let tag = |(key, value): &(&str, &str)| format!("{}={}", escape(key), escape(value));
    there.map(tag).collect::<Vec<_>>().join(",")
}

fn cell(out: &mut Vec<u8>, column: &Column, row: usize, epoch: Epoch) {
    if !column.validity.is_valid(row) {
        return;
    }
    let boolean = |value: bool| if value { "true" } else { "false" };
    match &column.values {
        Values::Time(values) => {
            epoch.write(out, values.get(row).copied().unwrap_or_default(), None);
        }
        Values::Integer(values) => integer(out, values.get(row).copied().unwrap_or_default()),
        Values::Float(values) => float(out, values.get(row).copied().unwrap_or(f64::NAN)),
        Values::Boolean(values) => {
            csv_cell(out, boolean(values.get(row).copied().unwrap_or_default()))
        }
        Values::String(values) => csv_cell(out, values.get(row).map_or("", |text| text)),
        Values::Same(text, _) => csv_cell(out, text),
        Values::Mixed(values) => match values.get(row) {
            Some(Scalar::Float(value)) => float(out, *value),
            Some(Scalar::Integer(value)) => integer(out, *value),
            Some(Scalar::Boolean(value)) => csv_cell(out, boolean(*value)),
            Some(Scalar::String(text)) => csv_cell(out, text),
            None => {}
        },
    }
}

/// NaN is what JSON shows as null.
fn float(out: &mut Vec<u8>, value: f64) {
    if !value.is_nan() {
        plain_float(out, value);
    }
}
