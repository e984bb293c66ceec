//! A series' rows lie in pieces: chunks on disk, and rows copied out of heads. Here they become one
//! sequence again.

use std::collections::VecDeque;

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

/// Pieces whose spans overlap; mostly there is one.
#[derive(Clone)]
pub(crate) struct Group {
    pub(crate) span: TimeRange,
    first: Piece,
    /// Those that win over the first, the last one over all.
    others: Vec<Piece>,
}

/// Puts pieces that overlap together, and adds the groups in the order of time. Later pieces win. No
/// piece is left.
pub(crate) fn group(pieces: &mut Vec<Piece>, groups: &mut VecDeque<Group>) {
    let disjoint = pieces.is_sorted_by(|one, next| one.span().last < next.span().first);
    if disjoint {
        groups.extend(pieces.drain(..).map(Group::of));
        return;
    }
    let mut ranked: Vec<(usize, Piece)> = pieces.drain(..).enumerate().collect();
    ranked.sort_by_key(|(_, piece)| piece.span().first);
    let overlap = |reach: &mut i64, piece: &Piece| {
        let overlaps = piece.span().first <= *reach;
        *reach = piece.span().last.max(*reach);
        overlaps
    };
    let mut ranked = ranked.into_iter().peekable();
    while let Some(first) = ranked.next() {
        let mut reach = first.1.span().last;
        let mut together = vec![first];
        while let Some(next) = ranked.next_if(|(_, piece)| overlap(&mut reach, piece)) {
            together.push(next);
        }
        together.sort_by_key(|(rank, _)| *rank);
        let mut together = together.into_iter().map(|(_, piece)| piece);
        let Some(mut group) = together.next().map(Group::of) else { continue };
        group.others = together.collect();
        for piece in &group.others {
            group.span.first = group.span.first.min(piece.span().first);
            group.span.last = group.span.last.max(piece.span().last);
        }
        groups.push_back(group);
    }
}

impl Group {
    fn of(piece: Piece) -> Self {
        Self { span: piece.span(), first: piece, others: Vec::new() }
    }

    /// At most how many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.first.rows() + self.others.iter().map(Piece::rows).sum::<usize>()
    }

    /// The chunk that is all there is: nothing overlaps it, nothing of it was deleted.
    pub(crate) fn sole_entry(&self) -> Option<&Entry> {
        match &self.first {
            Piece::Sealed(entry, deleted) if deleted.is_empty() && self.others.is_empty() => {
                Some(entry)
            }
            _ => None,
        }
    }

    /// Fills the block with the rows of the range that have one of the fields.
    pub(crate) fn decode(
        &self,
        range: TimeRange,
        fields: &[FieldId],
        block: &mut Block,
    ) -> Result<(), Error> {
        if self.others.is_empty() {
            return self.first.decode(range, fields, block);
        }
        let mut blocks = vec![Block::default(); self.others.len() + 1];
        for (piece, block) in std::iter::once(&self.first).chain(&self.others).zip(&mut blocks) {
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
