//! Reads parts of a file, mostly one behind the other, with few system calls.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use super::frame::read_at;

/// What is read at once at most, unless more was asked for.
const MOST: usize = 256 << 10;

/// Some bytes of a file.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    bytes: Arc<Vec<u8>>,
    start: usize,
    end: usize,
}

impl Part {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Some of its bytes.
    pub(super) fn part(&self, bytes: Range<usize>) -> Self {
        let (start, end) = (self.start + bytes.start, self.start + bytes.end);
        Self { bytes: Arc::clone(&self.bytes), start, end: end.min(self.end) }
    }
}

impl From<Vec<u8>> for Part {
    fn from(bytes: Vec<u8>) -> Self {
        let end = bytes.len();
        Self { bytes: Arc::new(bytes), start: 0, end }
    }
}

/// A file, and what was read of it last.
#[derive(Debug)]
pub(super) struct Window {
    file: Arc<File>,
    bytes: Arc<Vec<u8>>,
    offset: u64,
    /// How much is read next, if it is what comes next.
    ahead: usize,
}

impl Window {
    pub(super) fn new(file: Arc<File>) -> Self {
        Self { file, bytes: Arc::default(), offset: 0, ahead: 0 }
    }

    /// The bytes at this offset; fewer at the file's end.
    pub(super) fn read(&mut self, offset: u64, length: usize) -> std::io::Result<Part> {
        let at = |window: &Self| {
            let start = usize::try_from(offset.checked_sub(window.offset)?).ok()?;
            (start + length <= window.bytes.len()).then_some(start)
        };
        let start = match at(self) {
            Some(start) => start,
            None => {
                self.fill(offset, length)?;
                0
            }
        };
        let end = self.bytes.len().min(start + length);
        Ok(Part { bytes: Arc::clone(&self.bytes), start, end })
    }

    fn fill(&mut self, offset: u64, length: usize) -> std::io::Result<()> {
        let end = self.offset + self.bytes.len() as u64;
        // Whoever leaves out a little still goes through the file.
        let follows =
            (self.offset..=end + MOST as u64 / 4).contains(&offset) && !self.bytes.is_empty();
        self.ahead = if follows { (self.ahead * 2).min(MOST) } else { 4096 };
        self.bytes = Arc::new(read_at(&self.file, offset, length.max(self.ahead))?);
        self.offset = offset;
        Ok(())
    }
}
