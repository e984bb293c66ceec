//! Measurement and tags.

use std::ops::Range;

use crate::Reason;

/// Where a key's parts are in its line.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) measurement: Range<usize>,
    pub(crate) tags: Vec<Tag>,
    /// The space behind the key, or the line's end.
    pub(crate) end: usize,
}

#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) key: Range<usize>,
    pub(crate) value: Range<usize>,
}

/// What ended a part.
enum End {
    Comma(usize),
    Space(usize),
}

impl Key {
    /// Finds the parts of the key that `line` begins with.
    pub(crate) fn scan(line: &[u8]) -> Result<Self, Reason> {
        if matches!(line.first(), None | Some(b',')) {
            return Err(Reason::MissingMeasurement);
        }
        let mut end = ends(line, 0, |_| Ok(()))?;
        let measurement = 0..end.at();
        let mut tags = Vec::new();
        while let End::Comma(at) = end {
            let (tag, next) = tag(line, at + 1)?;
            tags.push(tag);
            end = next;
        }
        Ok(Self { measurement, tags, end: end.at() })
    }

    /// Refuses a tag that is there twice.
    pub(crate) fn refuse_duplicates(&self, line: &[u8]) -> Result<(), Reason> {
        let mut keys: Vec<_> = self.tags.iter().map(|tag| line.get(tag.key.clone())).collect();
        keys.sort_unstable();
        let twice = keys.windows(2).any(|pair| pair.first() == pair.last());
        if twice { Err(Reason::DuplicateTags) } else { Ok(()) }
    }
}

impl End {
    fn at(&self) -> usize {
        let (Self::Comma(at) | Self::Space(at)) = self;
        *at
    }
}

fn tag(line: &[u8], start: usize) -> Result<(Tag, End), Reason> {
    if matches!(line.get(start), None | Some(b' ' | b',' | b'=')) {
        return Err(Reason::MissingTagKey);
    }
    let mut equals = start + 1;
    loop {
        let escaped = line.get(equals - 1) == Some(&b'\\');
        match line.get(equals) {
            None => return Err(Reason::MissingTagValue),
            Some(b' ' | b',') if !escaped => return Err(Reason::MissingTagValue),
            Some(b'=') if !escaped => break,
            Some(_) => equals += 1,
        }
    }
    let value = equals + 1;
    if matches!(line.get(value), None | Some(b' ' | b',')) {
        return Err(Reason::MissingTagValue);
    }
    let end = ends(line, value, |byte| match byte {
        b'=' => Err(Reason::InvalidTagFormat),
        _ => Ok(()),
    })?;
    Ok((Tag { key: start..equals, value: value..end.at() }, end))
}

/// The comma, space or end behind the part that begins at `start`. A byte behind a backslash is escaped, whatever
/// stands before that backslash; the part's first byte is never looked at.
fn ends(
    line: &[u8],
    start: usize,
    check: impl Fn(u8) -> Result<(), Reason>,
) -> Result<End, Reason> {
    let mut at = start + 1;
    while let Some(&byte) = line.get(at) {
        if line.get(at - 1) != Some(&b'\\') {
            match byte {
                b',' => return Ok(End::Comma(at)),
                b' ' => return Ok(End::Space(at)),
                other => check(other)?,
            }
        }
        at += 1;
    }
    Ok(End::Space(at))
}
