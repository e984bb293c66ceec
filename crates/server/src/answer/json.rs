//! Answers as JSON, written from columns as they come.
//!
//! One document for all statements, or, chunked, a document for every so many rows. What a document says at its end
//! (whether more rows of the series or of the statement follow) is written when the next rows or the statement's end
//! have come, so that nothing has to be held back.

use std::sync::Arc;

use svcflow_query::{Column, Scalar, SeriesFrame, SinkClosed, Validity, Values, Zone};

use super::epoch::Epoch;
use super::go::{integer, json_float, json_string};
use super::output::{Mark, Output};
use super::{Chunking, Message};

/// Rows of a series beyond which InfluxDB marks it `"partial":true` in an answer that isn't chunked, although all of
/// it is there: it reads in chunks of this many and doesn't take the mark back.
const PARTIAL_FROM: usize = 10_000;

/// How the answer is cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    /// One document.
    Whole,
    /// A document for at most so many rows.
    Chunks(usize),
}

/// Writes one request's answer.
pub(super) struct Json {
    cut: Cut,
    epoch: Epoch,
    /// Statements begun.
    statements: usize,
    statement: Statement,
    header: Header,
}

/// The names of columns as they are written: thousands of series have the same.
#[derive(Default)]
struct Header {
    columns: Vec<Arc<str>>,
    text: Vec<u8>,
}

impl Header {
    fn of(&mut self, columns: &[Arc<str>]) -> &[u8] {
        let same = |(one, other): (&Arc<str>, &Arc<str>)| Arc::ptr_eq(one, other);
        if self.columns.len() != columns.len() || !self.columns.iter().zip(columns).all(same) {
            self.columns = columns.to_vec();
            self.text.clear();
            for column in columns {
                if !self.text.is_empty() {
                    self.text.push(b',');
                }
                json_string(&mut self.text, column);
            }
        }
        &self.text
    }
}

/// What of a statement's answer has been written.
struct Statement {
    id: usize,
    chunking: Chunking,
    /// Where the statement's answer begins.
    begin: Mark,
    /// A result's object is open.
    open: bool,
    /// The current series' rows in this document; `None` where no series is open.
    rows: Option<usize>,
    /// A float that JSON can't hold was left out.
    infinite: bool,
}

impl Json {
    pub(super) fn new(output: &Output, cut: Cut, epoch: Epoch) -> Self {
        let statement = Statement::new(0, Chunking::Whole, output.mark());
        Self { cut, epoch, statements: 0, statement, header: Header::default() }
    }

    pub(super) fn begin(&mut self, output: &mut Output, id: usize, chunking: Chunking) {
        if let Cut::Whole = self.cut {
            output.put(if self.statements == 0 { "{\"results\":[" } else { "," });
        }
        self.statements += 1;
        self.statement = Statement::new(id, chunking, output.mark());
    }

    pub(super) fn frame(
        &mut self,
        output: &mut Output,
        frame: &SeriesFrame<'_>,
    ) -> Result<(), SinkClosed> {
        let mut from = frame.rows.start;
        loop {
            let room = self.room(output, frame, from)?;
            let to = frame.rows.end.min(from.saturating_add(room));
            self.rows(output, frame, from, to)?;
            from = to;
            if from >= frame.rows.end {
                return Ok(());
            }
        }
    }

    /// Makes sure that the frame's series is open and has room; how many rows fit.
    fn room(
        &mut self,
        output: &mut Output,
        frame: &SeriesFrame<'_>,
        from: usize,
    ) -> Result<usize, SinkClosed> {
        let same = frame.continues || from > frame.rows.start;
        match (self.statement.rows, self.limit()) {
            (Some(rows), limit) if same && rows < limit => return Ok(limit - rows),
            (Some(_), _) if same => {
                self.close_series(output, true);
                self.close_chunk(output, true)?;
            }
            (Some(_), _) => {
                self.close_series(output, false);
                match (self.cut, self.statement.chunking) {
                    (Cut::Whole, _) | (_, Chunking::Whole) => output.put(","),
                    (_, Chunking::Series) => self.close_chunk(output, false)?,
                    (_, Chunking::Rows) => self.close_chunk(output, true)?,
                }
            }
            (None, _) => {}
        }
        if !self.statement.open {
            self.open_result(output);
            output.put(",\"series\":[");
        }
        open_series(output, frame, self.header.of(frame.columns));
        self.statement.rows = Some(0);
        Ok(self.limit())
    }

    /// Rows of a series that a document takes.
    fn limit(&self) -> usize {
        match (self.cut, self.statement.chunking) {
            (Cut::Chunks(rows), Chunking::Rows) => rows,
            _ => usize::MAX,
        }
    }

    fn rows(
        &mut self,
        output: &mut Output,
        frame: &SeriesFrame<'_>,
        from: usize,
        to: usize,
    ) -> Result<(), SinkClosed> {
        let epoch = self.epoch;
        for row in from..to {
            let written = self.statement.rows.unwrap_or(0);
            let out = output.bytes();
            out.extend_from_slice(if written == 0 { b",\"values\":[[" } else { b",[" });
            for (index, column) in frame.values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                self.statement.infinite |= !cell(out, column, row, epoch, frame.zone);
            }
            out.push(b']');
            self.statement.rows = Some(written + 1);
            output.step()?;
        }
        Ok(())
    }

    /// Ends a statement that was answered.
    pub(super) fn end(
        &mut self,
        output: &mut Output,
        messages: &[Message],
    ) -> Result<(), SinkClosed> {
        if self.statement.rows.is_some() {
            self.close_series(output, false);
        }
        self.close(output, messages, None)
    }

    /// Ends a statement that wasn't answered, or not to its end. What can be taken back of its answer is: half an
    /// answer looks like a whole one.
    pub(super) fn fail(&mut self, output: &mut Output, error: &str) -> Result<(), SinkClosed> {
        let begin = self.statement.begin;
        if output.take_back(begin) {
            self.statement = Statement::new(self.statement.id, self.statement.chunking, begin);
        } else if self.statement.rows.is_some() {
            self.close_series(output, false);
            if let Cut::Chunks(_) = self.cut {
                self.close_chunk(output, true)?;
            }
        }
        self.close(output, &[], Some(error))
    }

    /// Ends the answer.
    pub(super) fn finish(&mut self, output: &mut Output) {
        match (self.cut, self.statements) {
            (Cut::Whole, 0) => output.put("{}\n"),
            (Cut::Whole, _) => output.put("]}\n"),
            (Cut::Chunks(_), _) => {}
        }
    }

    fn open_result(&mut self, output: &mut Output) {
        output.put(match self.cut {
            Cut::Whole => "{\"statement_id\":",
            Cut::Chunks(_) => "{\"results\":[{\"statement_id\":",
        });
        integer(output.bytes(), i64::try_from(self.statement.id).unwrap_or(i64::MAX));
        self.statement.open = true;
    }

    fn close_series(&mut self, output: &mut Output, more: bool) {
        let rows = self.statement.rows.take().unwrap_or(0);
        if rows > 0 {
            output.put("]");
        }
        let marked = match (self.cut, self.statement.chunking) {
            (Cut::Whole, Chunking::Rows) => rows > PARTIAL_FROM,
            _ => more,
        };
        output.put(if marked { ",\"partial\":true}" } else { "}" });
    }

    /// Ends a document of a statement that has more of them.
    fn close_chunk(&mut self, output: &mut Output, partial: bool) -> Result<(), SinkClosed> {
        output.put(if partial { "],\"partial\":true}]}\n" } else { "]}]}\n" });
        self.statement.open = false;
        output.flush()
    }

    fn close(
        &mut self,
        output: &mut Output,
        messages: &[Message],
        error: Option<&str>,
    ) -> Result<(), SinkClosed> {
        if self.statement.open {
            output.put("]");
        } else {
            self.open_result(output);
        }
        let infinite = self.statement.infinite.then(Message::infinite);
        for (index, message) in messages.iter().chain(&infinite).enumerate() {
            output.put(if index == 0 { ",\"messages\":[" } else { "," });
            output.put("{\"level\":");
            json_string(output.bytes(), message.level);
            output.put(",\"text\":");
            json_string(output.bytes(), &message.text);
            output.put("}");
        }
        if !messages.is_empty() || infinite.is_some() {
            output.put("]");
        }
        if let Some(error) = error {
            output.put(",\"error\":");
            json_string(output.bytes(), error);
        }
        self.statement.open = false;
        match self.cut {
            Cut::Whole => {
                output.put("}");
                output.step()
            }
            Cut::Chunks(_) => {
                output.put("}]}\n");
                output.flush()
            }
        }
    }
}

impl Statement {
    fn new(id: usize, chunking: Chunking, begin: Mark) -> Self {
        Self { id, chunking, begin, open: false, rows: None, infinite: false }
    }
}

fn open_series(output: &mut Output, frame: &SeriesFrame<'_>, header: &[u8]) {
    let out = output.bytes();
    out.push(b'{');
    if !frame.name.is_empty() {
        out.extend_from_slice(b"\"name\":");
        json_string(out, frame.name);
        out.push(b',');
    }
    for (index, (key, value)) in frame.tags.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"\"tags\":{" } else { b"," });
        json_string(out, key);
        out.push(b':');
        json_string(out, value);
    }
    if !frame.tags.is_empty() {
        out.extend_from_slice(b"},");
    }
    out.extend_from_slice(b"\"columns\":[");
    out.extend_from_slice(header);
    out.push(b']');
}

/// Writes a value; `false` where JSON can't hold it.
fn cell(out: &mut Vec<u8>, column: &Column, row: usize, epoch: Epoch, zone: Option<&Zone>) -> bool {
    if !matches!(column.validity, Validity::All) && !column.validity.is_valid(row) {
        out.extend_from_slice(b"null");
        return true;
    }
    match &column.values {
        Values::Time(values) => {
            epoch.write(out, values.get(row).copied().unwrap_or_default(), zone);
        }
        Values::Integer(values) => integer(out, values.get(row).copied().unwrap_or_default()),
        Values::Float(values) => return float(out, values.get(row).copied().unwrap_or(f64::NAN)),
        Values::Boolean(values) => boolean(out, values.get(row).copied().unwrap_or_default()),
        Values::String(values) => json_string(out, values.get(row).map_or("", |text| text)),
        Values::Same(text, _) => json_string(out, text),
        Values::Mixed(values) => match values.get(row) {
            Some(Scalar::Float(value)) => return float(out, *value),
            Some(Scalar::Integer(value)) => integer(out, *value),
            Some(Scalar::Boolean(value)) => boolean(out, *value),
            Some(Scalar::String(text)) => json_string(out, text),
            None => out.extend_from_slice(b"null"),
        },
    }
    true
}

fn float(out: &mut Vec<u8>, value: f64) -> bool {
    if value.is_finite() {
        json_float(out, value);
    } else {
        out.extend_from_slice(b"null");
    }
    !value.is_infinite()
}

fn boolean(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}
