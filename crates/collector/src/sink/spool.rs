//! What waits for a sink, on disk: bounded, checked, and gone through once.
//!
//! A folder of segments, written one after the other. A record is `length, points, checksum, bytes`
//! (little endian: u32, u32, u64 of XXH3 over points and bytes). Reading goes from the oldest record on;
//! what is acknowledged is noted in the file `position` and a segment all of which is goes away.
//!
//! Past the bound the oldest segment goes, whole, and its unread points are counted: what is newest is
//! worth most, and counters are cumulative. A record that is damaged ends its segment: what comes behind
//! it can't be found any more, and is counted. The last segment's end may be cut off by a crash; nobody
//! was told that it was kept.
//!
//! The position is not synced: after a power failure a sink may be sent again what it has, which is the
//! same points at the same times.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

const HEADER: u64 = 16;
/// No record is longer: a batch of 200,000 edges is some 30 MB before compression.
const RECORD_MAX: u32 = 256 << 20;
const SEGMENT_MIN: u64 = 64 << 10;
const SEGMENT_MAX: u64 = 16 << 20;
/// A spool is this many segments at least, so that dropping the oldest drops a small part.
const SEGMENTS_MIN: u64 = 8;
const POSITION: &str = "position";

/// Records of one sink.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    bytes_max: u64,
    segment_max: u64,
    /// The oldest first; the last one is written to.
    segments: VecDeque<Segment>,
    writing: Option<File>,
    /// Up to where everything is acknowledged: segment and offset in it.
    read: Place,
    figures: Figures,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    number: u64,
    bytes: u64,
    /// Points of all its records.
    points: u64,
    /// Points of those that are acknowledged.
    acknowledged: u64,
}

/// A place between two records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    segment: u64,
    offset: u64,
}

/// What became of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Points dropped because the spool was full.
    pub dropped_points: u64,
    /// How often something was dropped.
    pub drops: u64,
    /// Damaged places; what stood behind each in its segment is lost.
    pub damaged: u64,
}

/// Records that were read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The records' bytes.
    pub records: Vec<Vec<u8>>,
    /// Their points.
    pub points: u64,
    /// Where the next record stands: to be acknowledged when these were delivered.
    pub end: Place,
}

impl Spool {
    /// Opens or makes a spool of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// Where the folder can't be used.
    pub fn open(folder: &Path, bytes_max: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let segment_max = (bytes_max / SEGMENTS_MIN).clamp(SEGMENT_MIN, SEGMENT_MAX);
        let mut spool = Self {
            folder: folder.to_owned(),
            bytes_max: bytes_max.max(2 * SEGMENT_MIN),
            segment_max,
            segments: VecDeque::new(),
            writing: None,
            read: Place::default(),
            figures: Figures::default(),
        };
        let mut numbers = Vec::new();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_suffix(".seg")?.parse::<u64>().ok());
            numbers.extend(number);
        }
        numbers.sort_unstable();
        spool.read = spool.read_position();
        for (i, number) in numbers.iter().enumerate() {
            spool.find(*number, i + 1 == numbers.len())?;
        }
        Ok(spool)
    }

    /// What became of records so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// Bytes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Points that wait.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.segments.iter().map(|s| s.points.saturating_sub(s.acknowledged)).sum()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.iter().all(|segment| self.is_done(segment))
    }

    /// Adds records, each with its number of points; durable when it returns.
    ///
    /// # Errors
    /// Where the disk fails. What was written of them is not read.
    pub fn append<'r>(
        &mut self,
        records: impl IntoIterator<Item = (&'r [u8], u32)>,
    ) -> io::Result<()> {
        for (bytes, points) in records {
            let appended = self.append_one(bytes, points);
            if appended.is_err() {
                // Nothing must be written behind half a record.
                if let (Some(file), Some(last)) = (self.writing.take(), self.segments.back()) {
                    let _ = file.set_len(last.bytes);
                }
                return appended;
            }
        }
        if let Some(file) = &self.writing {
            file.sync_data()?;
        }
        Ok(())
    }

    /// Reads what is not acknowledged, from the oldest on: at least one record where there is one,
    /// else as many as hold at most so many points.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn read(&mut self, points_max: u64) -> io::Result<Chunk> {
        let mut chunk = Chunk { end: self.read, ..Chunk::default() };
        let numbers: Vec<_> = self.segments.iter().map(|segment| segment.number).collect();
        for number in numbers {
            if number < chunk.end.segment {
                continue;
            }
            if number > chunk.end.segment {
                chunk.end = Place { segment: number, offset: 0 };
            }
            if !self.read_segment(number, points_max, &mut chunk)? {
                break;
            }
        }
        Ok(chunk)
    }

    /// Everything before this place was delivered, or is given up.
    ///
    /// # Errors
    /// Where the position can't be noted: then it may be delivered again after a restart.
    pub fn acknowledge(&mut self, end: Place, points: u64) -> io::Result<()> {
        if end <= self.read {
            // The oldest segment was dropped meanwhile: its points are counted there.
            return Ok(());
        }
        self.read = end;
        let mut left = points;
        for segment in self.segments.iter_mut().filter(|s| s.number <= end.segment) {
            let more = left.min(segment.points.saturating_sub(segment.acknowledged));
            segment.acknowledged += more;
            left -= more;
        }
        self.remove_done()?;
        self.write_position()
    }

    fn append_one(&mut self, bytes: &[u8], points: u32) -> io::Result<()> {
        let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "a record is too long");
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= RECORD_MAX);
        let length = length.ok_or_else(too_long)?;
        let size = HEADER + u64::from(length);
        let full = self.segments.back().is_none_or(|last| last.bytes + size > self.segment_max);
        if full || self.writing.is_none() {
            self.begin_segment()?;
        }
        let Some(file) = &mut self.writing else { return Ok(()) };
        let mut record = Vec::with_capacity(bytes.len() + 16);
        record.extend_from_slice(&length.to_le_bytes());
        record.extend_from_slice(&points.to_le_bytes());
        record.extend_from_slice(&checksum(points, bytes).to_le_bytes());
        record.extend_from_slice(bytes);
        file.write_all(&record)?;
        if let Some(last) = self.segments.back_mut() {
            last.bytes += size;
            last.points += u64::from(points);
        }
        self.drop_oldest()
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        if let Some(file) = self.writing.take() {
            file.sync_data()?;
        }
        let after_read = self.read.segment.saturating_add(1);
        let number =
            self.segments.back().map_or(after_read, |last| last.number + 1).max(after_read);
        let file = OpenOptions::new().write(true).create_new(true).open(self.path(number))?;
        File::open(&self.folder)?.sync_all()?;
        self.segments.push_back(Segment { number, bytes: 0, points: 0, acknowledged: 0 });
        self.writing = Some(file);
        Ok(())
    }

    fn drop_oldest(&mut self) -> io::Result<()> {
        while self.bytes() > self.bytes_max && self.segments.len() > 1 {
            let Some(oldest) = self.segments.pop_front() else { break };
            if !self.is_done(&oldest) {
                self.figures.drops += 1;
                self.figures.dropped_points += oldest.points.saturating_sub(oldest.acknowledged);
            }
            self.read = self.read.max(Place { segment: oldest.number, offset: oldest.bytes });
            fs::remove_file(self.path(oldest.number))?;
        }
        Ok(())
    }

    /// Removes the segments that are acknowledged to their end, but for the one that is written to.
    fn remove_done(&mut self) -> io::Result<()> {
        while self.segments.len() > 1
            && let Some(first) = self.segments.front().copied()
            && self.is_done(&first)
        {
            self.segments.pop_front();
            fs::remove_file(self.path(first.number))?;
        }
        Ok(())
    }

    fn is_done(&self, segment: &Segment) -> bool {
        let end = Place { segment: segment.number, offset: segment.bytes };
        end <= self.read || segment.bytes == 0
    }

    /// Reads on in one segment; says whether the next one may be read.
    fn read_segment(
        &mut self,
        number: u64,
        points_max: u64,
        chunk: &mut Chunk,
    ) -> io::Result<bool> {
        let Some(bytes) = self.segments.iter().find(|s| s.number == number).map(|s| s.bytes) else {
            return Ok(true);
        };
        let mut file = File::open(self.path(number))?;
        file.seek(SeekFrom::Start(chunk.end.offset))?;
        while chunk.end.offset < bytes {
            let Some((record, points)) = read_record(&mut file, bytes - chunk.end.offset)? else {
                self.damaged(number, chunk.end.offset);
                return Ok(true);
            };
            let points = u64::from(points);
            if !chunk.records.is_empty() && chunk.points + points > points_max {
                return Ok(false);
            }
            chunk.end.offset += HEADER + record.len() as u64;
            chunk.points += points;
            chunk.records.push(record);
        }
        Ok(chunk.points < points_max)
    }

    /// The segment ends here; a new one is begun behind what can't be read.
    fn damaged(&mut self, number: u64, offset: u64) {
        let last = self.segments.back().is_some_and(|last| last.number == number);
        if last {
            self.writing = None;
        }
        let Some(segment) = self.segments.iter_mut().find(|s| s.number == number) else { return };
        let lost = segment.points.saturating_sub(segment.acknowledged);
        tracing::error!(
            "{}: damaged at byte {offset}: what is behind it in this file is lost, at most {lost} points",
            self.folder.join(name(number)).display()
        );
        self.figures.damaged += 1;
        segment.bytes = offset;
    }

    /// Takes up a segment that is there: goes through its records' headers.
    fn find(&mut self, number: u64, last: bool) -> io::Result<()> {
        let mut segment = Segment { number, bytes: 0, points: 0, acknowledged: 0 };
        let path = self.path(number);
        let length = fs::metadata(&path)?.len();
        let mut file = File::open(&path)?;
        while segment.bytes < length {
            // The last segment's end may be torn: its records are read whole, not only their headers.
            let points = if last {
                read_record(&mut file, length - segment.bytes)?
                    .map(|(record, points)| (record.len() as u64, points))
            } else {
                skip_record(&mut file, length - segment.bytes)?
            };
            let Some((record, points)) = points else { break };
            if (Place { segment: number, offset: segment.bytes }) < self.read {
                segment.acknowledged += u64::from(points);
            }
            segment.bytes += HEADER + record;
            segment.points += u64::from(points);
        }
        if segment.bytes < length && last {
            OpenOptions::new().write(true).open(&path)?.set_len(segment.bytes)?;
        } else if segment.bytes < length {
            self.figures.damaged += 1;
            tracing::error!(
                "{}: damaged at byte {}: what is behind it in this file is lost",
                path.display(),
                segment.bytes
            );
        }
        self.segments.push_back(segment);
        self.remove_done()
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(name(number))
    }

    /// A position that can't be read is the beginning: better twice than never.
    fn read_position(&self) -> Place {
        let text = fs::read_to_string(self.folder.join(POSITION)).unwrap_or_default();
        let mut numbers = text.split_whitespace().map(str::parse::<u64>);
        let mut next = || numbers.next().and_then(Result::ok);
        match (next(), next(), next()) {
            (Some(segment), Some(offset), Some(sum)) if sum == segment ^ offset.rotate_left(32) => {
                Place { segment, offset }
            }
            _ => Place::default(),
        }
    }

    fn write_position(&self) -> io::Result<()> {
        let Place { segment, offset } = self.read;
        let beside = self.folder.join("position.new");
        fs::write(&beside, format!("{segment} {offset} {}\n", segment ^ offset.rotate_left(32)))?;
        fs::rename(&beside, self.folder.join(POSITION))
    }
}

fn name(number: u64) -> String {
    format!("{number:020}.seg")
}

fn checksum(points: u32, bytes: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&points.to_le_bytes());
    hash.update(bytes);
    hash.digest()
}

/// Length, points, checksum; `None` where they can't be a record's.
fn read_header(file: &mut File, left: u64) -> io::Result<Option<(u32, u32, u64)>> {
    if left < HEADER {
        return Ok(None);
    }
    let (mut four, mut eight) = ([0; 4], [0; 8]);
    file.read_exact(&mut four)?;
    let length = u32::from_le_bytes(four);
    file.read_exact(&mut four)?;
    let points = u32::from_le_bytes(four);
    file.read_exact(&mut eight)?;
    let fits = length <= RECORD_MAX && HEADER + u64::from(length) <= left;
    Ok(fits.then_some((length, points, u64::from_le_bytes(eight))))
}

fn read_record(file: &mut File, left: u64) -> io::Result<Option<(Vec<u8>, u32)>> {
    let Some((length, points, sum)) = read_header(file, left)? else { return Ok(None) };
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact(&mut bytes)?;
    Ok((checksum(points, &bytes) == sum).then_some((bytes, points)))
}

fn skip_record(file: &mut File, left: u64) -> io::Result<Option<(u64, u32)>> {
    let Some((length, points, _)) = read_header(file, left)? else { return Ok(None) };
    file.seek(SeekFrom::Current(i64::from(length)))?;
    Ok(Some((u64::from(length), points)))
}
