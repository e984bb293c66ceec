//! Byte strings that live and go together, in few large pieces of memory: a hundred thousand small ones
//! would leave holes that nothing else fits into.

/// The first piece's length; each next one is twice as long, up to [`LONGEST`].
const SHORTEST: usize = 4 << 10;
const LONGEST: usize = 256 << 10;

/// Where a byte string begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    piece: u32,
    start: u32,
}

impl Place {
    /// Where none is.
    pub(super) const NONE: Self = Self { piece: u32::MAX, start: 0 };

    pub(super) fn to_bytes(self) -> [u8; 8] {
        (u64::from(self.piece) << 32 | u64::from(self.start)).to_le_bytes()
    }

    pub(super) const fn from_bytes([a, b, c, d, e, f, g, h]: [u8; 8]) -> Self {
        Self { piece: u32::from_le_bytes([e, f, g, h]), start: u32::from_le_bytes([a, b, c, d]) }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Arena {
    pieces: Vec<Vec<u8>>,
    bytes: usize,
}

impl Arena {
    /// Adds a byte string of less than 4 GiB.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Place {
        let fits = |piece: &&mut Vec<u8>| piece.capacity() - piece.len() >= bytes.len();
        let piece = match self.pieces.last_mut().filter(fits) {
            Some(piece) => piece,
            None => {
                let length = (SHORTEST << self.pieces.len().min(6)).min(LONGEST).max(bytes.len());
                self.bytes += length;
                self.pieces.push(Vec::with_capacity(length));
                let Some(piece) = self.pieces.last_mut() else { return Place::NONE };
                piece
            }
        };
        let start = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        piece.extend_from_slice(bytes);
        let piece = u32::try_from(self.pieces.len() - 1).unwrap_or(u32::MAX);
        Place { piece, start }
    }

    /// The bytes from this place on, of this string and those behind it.
    pub(super) fn from(&self, place: Place) -> Option<&[u8]> {
        self.pieces.get(place.piece as usize)?.get(place.start as usize..)
    }

    /// The memory that it takes, in bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}
