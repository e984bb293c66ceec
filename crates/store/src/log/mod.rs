//! The log: every change, in order, durable before it is acknowledged.
//!
//! Our own files and not fjall's journal, though the design names fjall. 360 batches of 320 KB, each
//! synced, took 155 ms here and 250 ms there (one run, both on the same disk), where a batch also stays in
//! memory until its memtable is written to disk a second time; a full disk poisons fjall until it is
//! opened anew; and one flipped byte in its small files or in a table's end made a whole database
//! unopenable in two of three cases, or ended the process (a count read from disk is allocated
//! unchecked). What can't be read here costs what it held.
//!
//! A file is a header, then records. Header: `svcflog1`, then the file's number (u64). Record: `#rec`,
//! the content's length (u32), the CRC-32C of the file's number, the record's offset and the content
//! (u32), then the [content](record). All little-endian. A file is written from its beginning, never
//! appended to after a start; it goes when all that it holds is in chunks and in the catalog.

pub(crate) mod record;
mod replay;
mod rows;

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

pub(crate) use replay::replay;

use crate::Error;
use crate::folder::sync_folder;

const MAGIC: &[u8; 8] = b"svcflog1";
const MARK: &[u8; 4] = b"#rec";
/// Bytes before a file's first record.
const FILE_HEADER: usize = 16;
/// Bytes before a record's content.
const RECORD_HEADER: usize = 12;

/// The file that is being written.
pub(crate) struct Log {
    folder: PathBuf,
    number: u64,
    /// `None` after a failure that leaves the file's end unknown: the next write begins another one.
    file: Option<File>,
    /// Up to where the file is durable.
    length: u64,
    /// Bytes of whole files that are still needed.
    older: u64,
    buffer: Vec<u8>,
}

impl Log {
    /// Begins the file of this number. `older` is how many bytes files before it have.
    pub(crate) fn begin(folder: &Path, number: u64, older: u64) -> Result<Self, Error> {
        let folder = folder.to_owned();
        let mut log = Self { folder, number, file: None, length: 0, older, buffer: Vec::new() };
        log.create()?;
        Ok(log)
    }

    fn path(&self) -> PathBuf {
        path(&self.folder, self.number)
    }

    fn create(&mut self) -> Result<(), Error> {
        let path = self.path();
        // A file of that number can only be there after a failure to begin it.
        let mut file = File::create(&path).map_err(Error::io("create", &path))?;
        let header = [MAGIC.as_slice(), &self.number.to_le_bytes()].concat();
        let written = file.write_all(&header).and_then(|()| file.sync_all());
        let begun =
            written.map_err(Error::io("write", &path)).and_then(|()| sync_folder(&self.folder));
        if let Err(fault) = begun {
            // One that stays is as good as one that was begun.
            let _ = std::fs::remove_file(&path);
            return Err(fault);
        }
        self.file = Some(file);
        self.length = FILE_HEADER as u64;
        Ok(())
    }

    /// Ends the current file and begins the next one, whose number is returned.
    pub(crate) fn rotate(&mut self) -> Result<u64, Error> {
        let (number, file) = (self.number, self.file.take());
        self.number += 1;
        let done = self.length;
        if let Err(fault) = self.create() {
            (self.number, self.file, self.length) = (number, file, done);
            return Err(fault);
        }
        self.older += done;
        Ok(self.number)
    }

    /// Takes back a rotation's older files, which were deleted.
    pub(crate) const fn forget(&mut self, bytes: u64) {
        self.older = self.older.saturating_sub(bytes);
    }

    /// Whether no file that is still needed has a record.
    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes() <= FILE_HEADER as u64
    }

    /// Bytes of all files that are still needed.
    pub(crate) const fn bytes(&self) -> u64 {
        self.older + self.length
    }

    /// Adds records with these contents; they are durable when it returns. After an error none of them
    /// is there, unless the disk failed so badly that nothing is known; then some may turn up later.
    pub(crate) fn append<'a>(
        &mut self,
        contents: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Error> {
        if self.file.is_none() {
            self.rotate()?;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        for content in contents {
            let offset = self.length + buffer.len() as u64;
            put_record(&mut buffer, self.number, offset, content);
        }
        let written = self.write(&buffer);
        // One large batch shall not keep its memory for ever.
        if buffer.capacity() < 4 << 20 {
            self.buffer = buffer;
        }
        written
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = file.write_all(bytes).and_then(|()| file.sync_data());
        let Err(fault) = written else {
            self.length += bytes.len() as u64;
            return Ok(());
        };
        let cut = file.set_len(self.length).and_then(|()| file.seek(SeekFrom::Start(self.length)));
        if cut.and_then(|_| file.sync_data()).is_err() {
            self.file = None;
        }
        Err(Error::io("write", &self.path())(fault))
    }
}

/// The path of a log file.
fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:010}.log"))
}

fn put_record(out: &mut Vec<u8>, number: u64, offset: u64, content: &[u8]) {
    out.extend_from_slice(MARK);
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(number, offset, content).to_le_bytes());
    out.extend_from_slice(content);
}

/// A record at another place, or of another file, is not a record.
fn checksum(number: u64, offset: u64, content: &[u8]) -> u32 {
    let place = crc32c::crc32c_append(crc32c::crc32c(&number.to_le_bytes()), &offset.to_le_bytes());
    crc32c::crc32c_append(place, content)
}

/// The numbers of the files that are there, ascending.
pub(crate) fn files(folder: &Path) -> Result<Vec<u64>, Error> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let name = entry.map_err(Error::io("list", folder))?.file_name();
        let name = name.to_str().and_then(|name| name.strip_suffix(".log"));
        numbers.extend(name.and_then(|name| name.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Deletes the files before this number. Returns how many bytes they had.
pub(crate) fn trim(folder: &Path, first: u64) -> Result<u64, Error> {
    let mut bytes = 0;
    for number in files(folder)?.into_iter().filter(|number| *number < first) {
        let path = path(folder, number);
        bytes += path.metadata().map_or(0, |metadata| metadata.len());
        std::fs::remove_file(&path).map_err(Error::io("delete", &path))?;
    }
    Ok(bytes)
}
