use crate::fast::{self, Slots};
use crate::line::{Field, Line};
use crate::{LineError, Precision, Reason, exact};

/// Reads a buffer line by line.
#[derive(Debug)]
pub struct Parser<'b> {
    bytes: &'b [u8],
    /// The same, where all of it is UTF-8; else each line is judged for itself.
    text: Option<&'b str>,
    at: usize,
    precision: Precision,
    now: i64,
    fields: Vec<Field<'b>>,
    /// Only for tests: whether the fast way is tried.
    fast: bool,
}

impl<'b> Parser<'b> {
    /// `now`, in nanoseconds since the epoch, is the time of lines that give none, cut to the precision.
    #[must_use]
    pub fn new(buffer: &'b [u8], precision: Precision, now: i64) -> Self {
        Self {
            bytes: buffer,
            text: std::str::from_utf8(buffer).ok(),
            at: 0,
            precision,
            now: precision.truncate(now),
            fields: Vec::new(),
            fast: true,
        }
    }

    /// As [`Parser::new`], taking the exact way only: what the fast one is compared with.
    #[must_use]
    pub fn exact(buffer: &'b [u8], precision: Precision, now: i64) -> Self {
        Self { fast: false, ..Self::new(buffer, precision, now) }
    }

    /// The next point, or the next line that is none; comments and blank lines are passed over.
    ///
    /// # Errors
    /// Where a line is refused, with the reason. What follows it can still be read.
    pub fn next_line(&mut self) -> Option<Result<Line<'_, 'b>, LineError<'b>>> {
        if self.fast
            && let Some(text) = self.text
        {
            let slots = Slots::new(&mut self.fields);
            if let Some(found) = fast::parse(text, self.at, self.precision, slots) {
                let line = text.get(self.at..found.end).unwrap_or_default();
                self.at = found.end + 1;
                return Some(Ok(Line {
                    key: found.key,
                    fields: &self.fields,
                    timestamp: found.timestamp.unwrap_or(self.now),
                    same_names: found.same_names,
                    text: line,
                }));
            }
        }
        let (start, end) = self.next_exact()?;
        let line = self.bytes.get(start..end).unwrap_or_default();
        // The buffer's last line feed, where quotes or a backslash kept it from ending the line.
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        // The fast way may have left the names of half a line.
        self.fields.clear();
        match self.parse_exact(line) {
            Ok((key, timestamp, text)) => Some(Ok(Line {
                key,
                fields: &self.fields,
                timestamp: timestamp.unwrap_or(self.now),
                same_names: false,
                text,
            })),
            Err(reason) => {
                // Nobody saw its names: the next line's are not to be the same as these.
                self.fields.clear();
                Some(Err(LineError { line, reason }))
            }
        }
    }

    /// Where the next line is that is neither blank nor a comment; moves behind it.
    fn next_exact(&mut self) -> Option<(usize, usize)> {
        while self.at < self.bytes.len() {
            let end = exact::line_end(self.bytes, self.at);
            let start = exact::skip_white(self.bytes.get(..end).unwrap_or_default(), self.at);
            self.at = end + 1;
            if start < end && self.bytes.get(start) != Some(&b'#') {
                return Some((start, end));
            }
        }
        None
    }

    fn parse_exact(&mut self, line: &'b [u8]) -> Result<(&'b str, Option<i64>, &'b str), Reason> {
        let text = std::str::from_utf8(line).map_err(|_| Reason::NotUtf8)?;
        let parts = exact::parse(text, self.precision, &mut self.fields)?;
        Ok((parts.key, parts.timestamp, text))
    }
}
