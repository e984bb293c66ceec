//! What is read from disk, given bytes of someone else's: for `fuzz/`.

use crate::block::Block;
use crate::chunk::{self, Source};
use crate::codec::Reader;
use crate::log::record::Change;
use crate::run;
use crate::{FieldId, FieldType, TimeRange};

/// Reads bytes as a chunk of four fields: how many rows (two bytes), how long the entry's column part is
/// (two bytes), that, and the payload.
pub fn chunk(bytes: &[u8]) {
    let Some((rows, rest)) = bytes.split_first_chunk() else { return };
    let Some((length, rest)) = rest.split_first_chunk() else { return };
    let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
    let (columns, payload) = rest.split_at(length);
    let kinds = [FieldType::Integer, FieldType::Float, FieldType::String, FieldType::Boolean];
    let fields: Vec<FieldId> =
        (0..).zip(kinds).filter_map(|(at, kind)| FieldId::new(at, kind)).collect();
    let source = Source {
        fields: &fields,
        rows: usize::from(u16::from_le_bytes(*rows)),
        span: TimeRange { first: 0, last: i64::from(u16::MAX) },
        columns,
    };
    let mut block = Block::default();
    let decoded = chunk::decode(&source, payload, TimeRange::ALL, &fields, &mut block);
    if decoded.is_ok() {
        assert!(block.columns.iter().all(|column| column.values.len() == block.rows()));
    }
    let _ = chunk::summaries(&source, &fields);
}

/// Reads bytes as an index frame's content.
pub fn index_frame(bytes: &[u8]) {
    run::read_frame(bytes.to_vec());
}

/// Reads bytes as the content of a log record.
pub fn log_record(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let Ok(change) = Change::read(&mut reader) else { return };
        // What was read can be written, and is then the same.
        let mut written = Vec::new();
        change.put(&mut written);
        let again = Change::read(&mut Reader::new(&written));
        assert_eq!(again.map(|again| format!("{again:?}")), Ok(format!("{change:?}")));
    }
}
