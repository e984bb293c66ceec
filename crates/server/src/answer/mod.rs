//! The answer to a request for queries, written while the queries run.

mod csv;
mod epoch;
mod go;
mod indent;
mod json;
mod output;
#[cfg(test)]
mod tests;

use svcflow_query::{ResultSink, SeriesFrame, SinkClosed};

use csv::Csv;
pub(crate) use epoch::Epoch;
use json::{Cut, Json};
pub(crate) use output::{BrokenOff, Output, PARTS_WAITING, Part, Piece};

/// How a statement's answer may be cut into documents where the request asks for chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunking {
    /// Not at all.
    Whole,
    /// Between series.
    Series,
    /// Between rows.
    Rows,
}

/// A remark beside a statement's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) level: &'static str,
    pub(crate) text: String,
}

impl Message {
    pub(crate) fn warning(text: String) -> Self {
        Self { level: "warning", text }
    }

    fn infinite() -> Self {
        Self::warning("infinite values are shown as null: JSON has none".to_owned())
    }
}

/// The form that a request asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) csv: bool,
    pub(crate) epoch: Epoch,
    /// At most so many rows a document.
    pub(crate) chunks: Option<usize>,
}

/// Writes one request's answer, statement by statement.
pub(crate) struct Answer {
    output: Output,
    writer: Writer,
}

enum Writer {
    Json(Json),
    Csv(Csv),
}

impl Answer {
    pub(crate) fn new(output: Output, form: Form) -> Self {
        let cut = form.chunks.map_or(Cut::Whole, Cut::Chunks);
        let writer = if form.csv {
            Writer::Csv(Csv::new(&output, form.epoch))
        } else {
            Writer::Json(Json::new(&output, cut, form.epoch))
        };
        Self { output, writer }
    }

    /// Whether nothing has been sent yet: another answer can still be given.
    pub(crate) fn is_unsent(&self) -> bool {
        self.output.is_unsent()
    }

    /// Begins a statement's answer.
    pub(crate) fn begin(&mut self, id: usize, chunking: Chunking) {
        match &mut self.writer {
            Writer::Json(json) => json.begin(&mut self.output, id, chunking),
            Writer::Csv(csv) => csv.begin(&self.output),
        }
    }

    /// Ends the answer of a statement that was executed.
    ///
    /// # Errors
    /// The client is gone.
    pub(crate) fn end(&mut self, messages: &[Message]) -> Result<(), SinkClosed> {
        match &mut self.writer {
            Writer::Json(json) => json.end(&mut self.output, messages),
            Writer::Csv(_) => Ok(()),
        }
    }

    /// Ends the answer of a statement that failed.
    ///
    /// # Errors
    /// The client is gone.
    pub(crate) fn fail(&mut self, error: &str) -> Result<(), SinkClosed> {
        match &mut self.writer {
            Writer::Json(json) => json.fail(&mut self.output, error),
            Writer::Csv(csv) => csv.fail(&mut self.output, error),
        }
    }

    /// Ends the answer.
    ///
    /// # Errors
    /// The client is gone.
    pub(crate) fn finish(mut self) -> Result<(), SinkClosed> {
        if let Writer::Json(json) = &mut self.writer {
            json.finish(&mut self.output);
        }
        self.output.finish()
    }
}

impl ResultSink for Answer {
    fn frame(&mut self, frame: &SeriesFrame<'_>) -> Result<(), SinkClosed> {
        match &mut self.writer {
            Writer::Json(json) => json.frame(&mut self.output, frame),
            Writer::Csv(csv) => csv.frame(&mut self.output, frame),
        }
    }
}

/// An error that is the whole answer, in the form asked for.
pub(crate) fn whole_error(csv: bool, pretty: bool, error: &str) -> Vec<u8> {
    let mut out = Vec::new();
    if csv {
        out.extend_from_slice(b"error\n");
        go::csv_cell(&mut out, error);
        out.push(b'\n');
        return out;
    }
    out.extend_from_slice(b"{\"error\":");
    go::json_string(&mut out, error);
    out.extend_from_slice(b"}\n");
    if pretty {
        let mut spread = Vec::new();
        indent::Indent::default().push(&out, &mut spread);
        out = spread;
    }
    out
}
