//! Trees to text that parses to an equal tree.
//!
//! That holds for every tree that a parser made. One made by hand has to stand in parentheses where the
//! text would need them: `a * (b + c)` is a product of a name and a [`Paren`](crate::Paren). Passwords
//! are never written.

mod expr;
mod manage;
mod names;
mod select;
mod show;
mod statement;

use std::fmt;

pub(crate) use names::Identifier;

/// Things with a separator between.
struct Joined<'a, T>(&'a [T], &'static str);

impl<T: fmt::Display> fmt::Display for Joined<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for item in self.0 {
            write!(f, "{separator}{item}")?;
            separator = self.1;
        }
        Ok(())
    }
}

/// A clause, where there is one: a word and what follows it.
struct Clause<'a, T>(&'static str, &'a Option<T>);

impl<T: fmt::Display> fmt::Display for Clause<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(value) => write!(f, " {} {value}", self.0),
            None => Ok(()),
        }
    }
}

/// A clause with a list, where that isn't empty.
struct List<'a, T>(&'static str, &'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.1.is_empty() { Ok(()) } else { write!(f, " {} {}", self.0, Joined(self.1, ", ")) }
    }
}
