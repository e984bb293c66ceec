use std::collections::BTreeMap;
use std::collections::btree_map::Iter;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What an owner or a service is marked with: each key once, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A key's value; maybe empty.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Sets a key. The value that it had is gone.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.insert(key.into(), value.into());
    }

    /// Keys and values, in the keys' order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.into_iter()
    }

    /// Whether every one of `wanted` is among these, with its value.
    #[must_use]
    pub fn include(&self, wanted: &Self) -> bool {
        wanted.iter().all(|(key, value)| self.get(key) == Some(value))
    }

    /// Reads `key=value` texts, as selectors are often given. The first `=` separates.
    ///
    /// # Errors
    /// The first text without `=` or without a key.
    pub fn from_pairs<'t>(pairs: impl IntoIterator<Item = &'t str>) -> Result<Self, String> {
        pairs.into_iter().map(pair).collect()
    }
}

fn pair(text: &str) -> Result<(&str, &str), String> {
    let parts = text.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
    parts.filter(|(key, _)| !key.is_empty()).ok_or_else(|| text.to_owned())
}

impl<'l> Extend<(&'l str, &'l str)> for Labels {
    fn extend<I: IntoIterator<Item = (&'l str, &'l str)>>(&mut self, pairs: I) {
        pairs.into_iter().for_each(|(key, value)| self.set(key, value));
    }
}

impl<'l> IntoIterator for &'l Labels {
    type Item = (&'l str, &'l str);
    type IntoIter = std::iter::Map<
        Iter<'l, String, String>,
        fn((&'l String, &'l String)) -> (&'l str, &'l str),
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (key, value)) in self.iter().enumerate() {
            let separator = if i == 0 { "" } else { "," };
            write!(f, "{separator}{key}={value}")?;
        }
        Ok(())
    }
}
