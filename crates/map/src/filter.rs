//! The filter language of the contract: text to terms with positions, and which edges they select.
//!
//! Label terms have the syntax of Kubernetes' selectors, but with quotes, and each term ends at a space;
//! so they aren't read by [`svcflow_topology::Selector`], which is the grammar of whole texts.

mod parse;
mod select;

use std::net::IpAddr;

use svcflow_model::Cidr;
use svcflow_topology::Labels;

pub(crate) use select::selected;

/// A parsed filter. The empty one selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(Vec<Term>);

/// Text that is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the filter: {message}")]
pub struct FilterError {
    /// What is wrong.
    pub message: &'static str,
    /// Where, in characters from the start.
    pub position: usize,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// At the first fault.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::terms(text).map(Self)
    }

    /// Whether it selects everything.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One term: an edge is selected where all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    /// One party fulfils all the positive ones, every party all the negative ones.
    Labels(Vec<Requirement>),
    /// Everything else.
    Is { what: What, negated: bool },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Name(Glob),
    Node(String),
    Protocol(String),
    Port(u16),
    Network(Cidr),
    /// In lower case.
    Text(String),
}

/// What a label must be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    is: Condition,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    There,
    Absent,
    OneOf(Vec<String>),
    NoneOf(Vec<String>),
}

impl Requirement {
    /// Whether it asks for something rather than forbids it.
    const fn is_positive(&self) -> bool {
        matches!(self.is, Condition::There | Condition::OneOf(_))
    }

    fn holds(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        let among = |values: &[String]| value.is_some_and(|it| values.iter().any(|one| one == it));
        match &self.is {
            Condition::There => value.is_some(),
            Condition::Absent => value.is_none(),
            Condition::OneOf(values) => among(values),
            Condition::NoneOf(values) => !among(values),
        }
    }
}

/// Parts in lower case, which must come in this order, with anything around them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Glob(Vec<String>);

impl Glob {
    fn new(text: &str) -> Self {
        let parts = text.split('*').filter(|part| !part.is_empty());
        Self(parts.map(str::to_lowercase).collect())
    }

    fn matches(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let mut rest = name.as_str();
        self.0.iter().all(|part| {
            let found = rest.find(part.as_str()).and_then(|at| rest.get(at + part.len()..));
            found.is_some_and(|after| {
                rest = after;
                true
            })
        })
    }
}

/// An address or network; `None` where the text is neither.
fn network(text: &str) -> Option<Cidr> {
    let alone = || text.parse::<IpAddr>().ok().map(Cidr::from);
    alone().or_else(|| text.contains('/').then(|| text.parse().ok())?)
}
