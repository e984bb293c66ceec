//! Frames: parts of a file that can be told from anything else.

use std::fs::File;
use std::os::unix::fs::FileExt;

pub(super) const HEADER: &[u8; 4] = b"#run";
pub(super) const INDEX: &[u8; 4] = b"#idx";
pub(super) const TOP: &[u8; 4] = b"#top";
/// Bytes before a frame's content.
pub(super) const FRAME_HEADER: usize = 12;
/// The file's last bytes, behind the place of the top frame.
pub(super) const MAGIC: &[u8; 8] = b"svcrun1\0";
pub(super) const TAIL: usize = 16;

/// Adds a frame that will begin at this offset.
pub(super) fn put(out: &mut Vec<u8>, mark: [u8; 4], offset: u64, content: &[u8]) {
    out.extend_from_slice(&mark);
    out.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&checksum(offset, content).to_le_bytes());
    out.extend_from_slice(content);
}

fn checksum(offset: u64, content: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&offset.to_le_bytes()), content)
}

/// The content of the frame with which these bytes, which are those from this offset on, begin.
pub(super) fn content(bytes: &[u8], mark: [u8; 4], offset: u64) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(&mark)?;
    let (length, rest) = rest.split_first_chunk()?;
    let (sum, rest) = rest.split_first_chunk()?;
    let content = rest.get(..u32::from_le_bytes(*length) as usize)?;
    (u32::from_le_bytes(*sum) == checksum(offset, content)).then_some(content)
}

/// Reads so many bytes of a file; fewer at its end.
pub(super) fn read_at(file: &File, offset: u64, length: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(fault) if fault.kind() == std::io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
