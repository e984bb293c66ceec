use std::borrow::Cow;

use crate::{Reason, escape, exact};

/// The measurement and tags of a [`crate::Line::key`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesKey<'b> {
    /// The measurement's name.
    pub measurement: Cow<'b, str>,
    /// Tags in the order of their keys, each key once; no value is empty.
    pub tags: Vec<(Cow<'b, str>, Cow<'b, str>)>,
}

impl<'b> SeriesKey<'b> {
    /// Reads a key as sent.
    ///
    /// # Errors
    /// Where it isn't `measurement,tag=value,…` or has a tag twice. The fast way of reading lines doesn't look into
    /// keys, so a key of a good [`crate::Line`] may still be refused here, and with it its line.
    pub fn parse(raw: &'b str) -> Result<Self, Reason> {
        let key = exact::Key::scan(raw.as_bytes())?;
        if key.end != raw.len() {
            return Err(Reason::InvalidPoint);
        }
        key.refuse_duplicates(raw.as_bytes())?;
        let part = |range: &std::ops::Range<usize>| raw.get(range.clone()).ok_or(Reason::NotUtf8);
        let mut tags = Vec::with_capacity(key.tags.len());
        for tag in &key.tags {
            tags.push((escape::tag(part(&tag.key)?), escape::tag(part(&tag.value)?)));
        }
        tags.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(Self { measurement: escape::unescape_name(part(&key.measurement)?), tags })
    }
}
