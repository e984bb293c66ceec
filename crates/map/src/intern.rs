//! Each value once, known by a small number from then on.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// The place of a value in an [`Interner`] of `T`. Means nothing in another.
pub struct Id<T>(u32, PhantomData<fn() -> T>);

impl<T> Id<T> {
    /// The place as a number: dense, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    const fn new(place: u32) -> Self {
        Self(place, PhantomData)
    }
}

// By hand, since deriving would ask the same of `T`.
impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Values, each once, in the order in which they first came.
#[derive(Clone, Debug)]
pub struct Interner<T> {
    all: Vec<T>,
    places: HashMap<T, u32, foldhash::fast::RandomState>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { all: Vec::new(), places: HashMap::default() }
    }
}

impl<T: Clone + Eq + Hash> Interner<T> {
    /// The value's place, given now where it has none. Past 4 billion values all share the last place.
    pub fn intern(&mut self, value: T) -> Id<T> {
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let place = *self.places.entry(value).or_insert_with_key(|value| {
            self.all.push(value.clone());
            next
        });
        Id::new(place)
    }

    /// The place of a value that has one.
    pub fn find<Q: ?Sized + Eq + Hash>(&self, value: &Q) -> Option<Id<T>>
    where
        T: std::borrow::Borrow<Q>,
    {
        self.places.get(value).copied().map(Id::new)
    }

    /// The value at a place.
    #[must_use]
    pub fn get(&self, id: Id<T>) -> Option<&T> {
        self.all.get(id.index())
    }

    /// How many values there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Every value with its place.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        (0..).map(Id::new).zip(&self.all)
    }
}

/// One `V` for each place of an [`Interner`] of `T`.
pub struct PerId<T, V>(Vec<V>, PhantomData<fn() -> T>);

impl<T, V: Clone> Clone for PerId<T, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<T, V: fmt::Debug> fmt::Debug for PerId<T, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T, V> Default for PerId<T, V> {
    fn default() -> Self {
        Self(Vec::new(), PhantomData)
    }
}

impl<T, V: Clone> PerId<T, V> {
    /// The same value at each of `length` places.
    #[must_use]
    pub fn filled(value: V, length: usize) -> Self {
        Self(vec![value; length], PhantomData)
    }
}

impl<T, V> PerId<T, V> {
    /// What is at a place.
    #[must_use]
    pub fn get(&self, id: Id<T>) -> Option<&V> {
        self.0.get(id.index())
    }

    /// What is at a place, to be changed.
    pub fn get_mut(&mut self, id: Id<T>) -> Option<&mut V> {
        self.0.get_mut(id.index())
    }

    /// Sets what is at a place that there is.
    pub fn set(&mut self, id: Id<T>, value: V) {
        if let Some(there) = self.0.get_mut(id.index()) {
            *there = value;
        }
    }

    /// Makes places up to this one.
    pub fn reach(&mut self, id: Id<T>, fill: impl FnMut() -> V) {
        if id.index() >= self.0.len() {
            self.0.resize_with(id.index() + 1, fill);
        }
    }

    /// How many places there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every place with what is there.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &V)> {
        (0..).map(Id::new).zip(&self.0)
    }
}
