//! A series' rows lie in pieces: chunks on disk, and rows copied out of heads. Here they become one
//! sequence again.

use crate::block::{Block, Column};
use crate::memtable::HeadRows;
use crate::run::{Cursor, Entry};
use crate::schema::Delete;
use crate::{Error, FieldId, SeriesId, TimeRange};

/// Some rows of one series, in the order of their times, each time once.
#[derive(Clone)]
pub(crate) enum Piece {
    /// Rows that are in memory.
    Head(HeadRows),
    /// A chunk in a run, less the rows of ranges that were deleted since.
    Sealed(Entry, Vec<TimeRange>),
}

impl Piece {
    /// A range outside of which it has no rows.
    pub(crate) fn span(&self) -> TimeRange {
        match self {
            Self::Head(rows) => rows.span,
            Self::Sealed(entry, _) => entry.span(),
        }
    }

    /// At most how many rows it has.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Head(rows) => rows.rows(),
            Self::Sealed(entry, _) => entry.rows(),
        }
    }

    /// Fills the block with the rows of the range that have one of the fields.
    pub(crate) fn decode(
        &self,
        range: TimeRange,
        fields: &[FieldId],
        block: &mut Block,
    ) -> Result<(), Error> {
        match self {
            Self::Head(rows) => rows.decode(range, fields, block).map_err(Error::Head),
            Self::Sealed(entry, deleted) => {
                entry.decode(range, fields, block)?;
                deleted.iter().for_each(|range| block.delete(*range));
                Ok(())
            }
        }
    }
}

/// The cursor's chunks of a series as pieces, with what was deleted of them.
pub(crate) fn sealed(
    cursor: &mut Cursor,
    deletes: &[Delete],
    series: SeriesId,
    range: TimeRange,
    pieces: &mut Vec<Piece>,
) -> Result<(), Error> {
    let known = cursor.run().identity.deletes;
    cursor.chunks(series, range, |entry| {
        let span = entry.span();
        let deleted = deletes.iter().filter(|delete| {
            let newer = delete.number > known && delete.range.overlaps(&span);
            newer && delete.series.contains(series.get())
        });
        let deleted: Vec<TimeRange> = deleted.map(|delete| delete.range).collect();
        if !deleted.iter().any(|range| range.covers(&span)) {
            pieces.push(Piece::Sealed(entry, deleted));
        }
    })
}

/// Pieces whose spans overlap, those that win last; mostly there is one.
#[derive(Clone)]
pub(crate) struct Group {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) span: TimeRange,
}

/// Puts pieces that overlap together, and the groups in the order of time. Later pieces win.
pub(crate) fn group(pieces: Vec<Piece>) -> Vec<Group> {
    let mut ranked: Vec<(usize, Piece)> = pieces.into_iter().enumerate().collect();
    ranked.sort_by_key(|(_, piece)| piece.span().first);
    let mut groups: Vec<(TimeRange, Vec<(usize, Piece)>)> = Vec::with_capacity(ranked.len());
    for (rank, piece) in ranked {
        let span = piece.span();
        match groups.last_mut().filter(|(before, _)| span.first <= before.last) {
            Some((before, group)) => {
                before.last = before.last.max(span.last);
                group.push((rank, piece));
            }
            None => groups.push((span, vec![(rank, piece)])),
        }
    }
    let unranked = |(span, mut group): (TimeRange, Vec<(usize, Piece)>)| {
        group.sort_by_key(|(rank, _)| *rank);
        Group { span, pieces: group.into_iter().map(|(_, piece)| piece).collect() }
    };
    groups.into_iter().map(unranked).collect()
}

impl Group {
    /// Fills the block with the rows of the range that have one of the fields.
    pub(crate) fn decode(
        &self,
        range: TimeRange,
        fields: &[FieldId],
        block: &mut Block,
    ) -> Result<(), Error> {
        if let [piece] = &*self.pieces {
            return piece.decode(range, fields, block);
        }
        let mut blocks = vec![Block::default(); self.pieces.len()];
        for (piece, block) in self.pieces.iter().zip(&mut blocks) {
            piece.decode(range, fields, block)?;
        }
        merge(&blocks, fields, block);
        Ok(())
    }
}

/// Fills the block with the rows of all. Of one time and field, the value of the last block that has one
/// wins.
fn merge(blocks: &[Block], fields: &[FieldId], out: &mut Block) {
    out.reset(fields.iter().map(|field| field.field_type()));
    let mut rows: Vec<(i64, usize, usize)> = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        rows.extend(block.times.iter().enumerate().map(|(row, time)| (*time, at, row)));
    }
    // Each block is a run in order, which is what the sort takes advantage of.
    rows.sort();
    for same in rows.chunk_by(|one, next| one.0 == next.0) {
        let Some((time, _, _)) = same.first() else { continue };
        out.times.push(*time);
        for (place, target) in out.columns.iter_mut().enumerate() {
            let value = |(_, at, row): &(i64, usize, usize)| {
                let column: &Column = blocks.get(*at)?.columns.get(place)?;
                column.validity.is_valid(*row).then_some((column, *row))
            };
            target.push_from(same.iter().rev().find_map(value));
        }
    }
}
