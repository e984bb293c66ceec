//! Texts kept once, each with a number.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// The number of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Symbol(pub(crate) u32);

/// Texts by number and numbers by text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Symbols {
    texts: Vec<Arc<str>>,
    numbers: HashTable<u32>,
    /// Seeded at random: whoever writes can't choose texts that collide.
    hasher: RandomState,
    /// How long all texts are together.
    length: usize,
    /// The text without a number.
    empty: Arc<str>,
}

impl Symbols {
    /// The number of this text, a new one where it has none.
    pub(crate) fn insert(&mut self, text: &str) -> Symbol {
        let hash = self.hasher.hash_one(text);
        let texts = &self.texts;
        let same = |number: &u32| texts.get(*number as usize).is_some_and(|it| &**it == text);
        if let Some(number) = self.numbers.find(hash, same) {
            return Symbol(*number);
        }
        // Memory ends long before numbers do: a text takes more than 16 bytes.
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.into());
        self.length += text.len();
        let (texts, hasher) = (&self.texts, &self.hasher);
        self.numbers.insert_unique(hash, number, |number| {
            texts.get(*number as usize).map_or(0, |text| hasher.hash_one(&**text))
        });
        Symbol(number)
    }

    /// The number of this text, if it has one.
    pub(crate) fn find(&self, text: &str) -> Option<Symbol> {
        let same = |number: &u32| self.text(Symbol(*number)) == text;
        self.numbers.find(self.hasher.hash_one(text), same).map(|number| Symbol(*number))
    }

    /// The text of this number; empty where there is none.
    pub(crate) fn text(&self, symbol: Symbol) -> &str {
        self.shared(symbol)
    }

    /// The same, to be shared.
    pub(crate) fn shared(&self, symbol: Symbol) -> &Arc<str> {
        self.texts.get(symbol.0 as usize).unwrap_or(&self.empty)
    }

    /// The empty text.
    pub(crate) const fn empty(&self) -> &Arc<str> {
        &self.empty
    }

    /// All texts, by their numbers.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.texts.iter().map(|text| &**text)
    }

    /// About how much memory they take, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        // Two counts before each text, its place in the list, and its number in the table.
        self.length + self.texts.len() * (16 + 16 + 6)
    }
}
