//! Reading the log after a start.

use std::fs::File;
use std::path::Path;

use super::{FILE_HEADER, MAGIC, MARK, RECORD_HEADER, checksum, path};
use crate::Error;
use crate::damage::{DamageKind, Damages};

/// Hands over the content of each record of a file, in order. What isn't a record is passed over and
/// noted; at the end of the last file it is cut off too. Returns how many bytes the file has.
///
/// `each` says whether the content fits; if it doesn't, that is noted too.
pub(crate) fn replay(
    folder: &Path,
    number: u64,
    last: bool,
    damages: &Damages,
    mut each: impl FnMut(&[u8]) -> Result<bool, Error>,
) -> Result<u64, Error> {
    let path = path(folder, number);
    let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
    let mut at = FILE_HEADER;
    let header = [MAGIC.as_slice(), &number.to_le_bytes()].concat();
    if bytes.len() < FILE_HEADER && header.starts_with(&bytes) {
        // The process ended, or the disk was full, when the file was begun.
        return Ok(bytes.len() as u64);
    }
    if bytes.get(..FILE_HEADER) != Some(&header) {
        // The records' checksums tell whether they are this file's.
        let cut = bytes.len().min(FILE_HEADER) as u64;
        damages.emit(path.clone(), DamageKind::LogRecords { offset: 0, bytes: cut });
    }
    while at < bytes.len() {
        if let Some(content) = record(&bytes, number, at) {
            if !each(content)? {
                damages.emit(path.clone(), DamageKind::LogContent { offset: at as u64 });
            }
            at += RECORD_HEADER + content.len();
            continue;
        }
        let next = (at + 1..bytes.len()).find(|next| record(&bytes, number, *next).is_some());
        let end = next.unwrap_or(bytes.len());
        let (offset, length) = (at as u64, (end - at) as u64);
        if next.is_none() && last {
            damages.emit(path.clone(), DamageKind::LogEnd { offset, bytes: length });
            let file = File::options().write(true).open(&path);
            let cut = file.and_then(|file| file.set_len(offset).and_then(|()| file.sync_all()));
            cut.map_err(Error::io("cut", &path))?;
            return Ok(offset);
        }
        damages.emit(path.clone(), DamageKind::LogRecords { offset, bytes: length });
        at = end;
    }
    Ok(bytes.len() as u64)
}

/// The content of the record at this offset, if there is a whole one.
fn record(bytes: &[u8], number: u64, at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?.strip_prefix(MARK)?;
    let (length, rest) = rest.split_first_chunk()?;
    let (sum, rest) = rest.split_first_chunk()?;
    let content = rest.get(..u32::from_le_bytes(*length) as usize)?;
    let whole = u32::from_le_bytes(*sum) == checksum(number, at as u64, content);
    whole.then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Log;

    fn written(contents: &[&[u8]]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::begin(folder.path(), 7, 0).unwrap();
        for content in contents {
            log.append(std::iter::once(*content)).unwrap();
        }
        folder
    }

    fn read(folder: &Path) -> (Vec<Vec<u8>>, Vec<DamageKind>) {
        let damages = Damages::default();
        let mut contents = Vec::new();
        let each = |content: &[u8]| {
            contents.push(content.to_vec());
            Ok(true)
        };
        replay(folder, 7, true, &damages, each).unwrap();
        (contents, damages.list().0.into_iter().map(|damage| damage.what).collect())
    }

    const CONTENTS: [&[u8]; 3] = [b"first", b"#rec second", b"third"];

    #[test]
    fn records_come_back() {
        let folder = written(&CONTENTS);
        let (contents, damage) = read(folder.path());
        assert_eq!(contents, CONTENTS);
        assert_eq!(damage, []);
    }

    #[test]
    fn a_log_cut_anywhere_keeps_what_is_whole() {
        let whole = std::fs::read(path(written(&CONTENTS).path(), 7)).unwrap();
        let ends = [FILE_HEADER, FILE_HEADER + 17, FILE_HEADER + 40, FILE_HEADER + 57];
        assert_eq!(whole.len(), ends[3]);
        for length in FILE_HEADER..whole.len() {
            let folder = written(&[]);
            std::fs::write(path(folder.path(), 7), &whole[..length]).unwrap();
            let (contents, damage) = read(folder.path());
            let kept = ends.iter().filter(|end| **end <= length).count() - 1;
            assert_eq!(contents, CONTENTS[..kept]);
            let bytes = (length - ends[kept]) as u64;
            if bytes == 0 {
                assert_eq!(damage, []);
            } else {
                assert_eq!(damage, [DamageKind::LogEnd { offset: ends[kept] as u64, bytes }]);
                assert_eq!(read(folder.path()), (contents, Vec::new()), "it was cut off");
            }
        }
    }

    #[test]
    fn a_flipped_bit_costs_one_record() {
        let whole = std::fs::read(path(written(&CONTENTS).path(), 7)).unwrap();
        for bit in FILE_HEADER * 8..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let folder = written(&[]);
            std::fs::write(path(folder.path(), 7), &bytes).unwrap();
            let (contents, damage) = read(folder.path());
            let lost = [17, 40, 57].iter().position(|end| bit / 8 < FILE_HEADER + end).unwrap();
            let mut kept = CONTENTS.to_vec();
            kept.remove(lost);
            assert_eq!(contents, kept);
            assert_eq!(damage.len(), 1);
        }
    }
}
