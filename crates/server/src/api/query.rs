//! Parameters of a request: each checked, a fault names the parameter and what was expected.

use std::collections::HashSet;
use std::str::FromStr;

use svcflow_map::document::Side;
use svcflow_map::{Asked, Column, Filter, Group, Place, Sort};

use super::fault::Fault;
use crate::http::Parameters;

/// Bytes of a filter.
const FILTER_MAX: usize = 4 * 4_096;
/// Cards that are open.
const EXPAND_MAX: usize = 200;

/// A request's parameters.
pub(super) struct Query(Parameters);

impl Query {
    pub(super) fn of(encoded: &str) -> Self {
        Self(Parameters::of_query(encoded))
    }

    fn text(&self, name: &str) -> Option<&str> {
        Some(self.0.get(name)).filter(|text| !text.is_empty())
    }

    fn integer(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, Fault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let value = text.parse().ok().filter(|value| (least..=most).contains(value));
        let expected = || match (least, most) {
            (i64::MIN, _) => "an integer".to_owned(),
            (least, i64::MAX) => format!("an integer, at least {least}"),
            (least, most) => format!("an integer from {least} to {most}"),
        };
        let fault = || Fault::request(format!("`{name}`: expected {}", expected()));
        value.ok_or_else(fault).map(Some)
    }

    fn size(&self, name: &str, least: i64, most: i64) -> Result<Option<usize>, Fault> {
        let value = self.integer(name, least, most)?;
        Ok(value.map(|value| usize::try_from(value).unwrap_or(usize::MAX)))
    }

    /// `from`, `until` and `at`.
    pub(super) fn asked(&self) -> Result<Asked, Fault> {
        let time = |name| self.integer(name, i64::MIN, i64::MAX);
        Ok(Asked { from: time("from")?, until: time("until")?, at: time("at")? })
    }

    /// `at` alone.
    pub(super) fn at(&self) -> Result<Option<i64>, Fault> {
        self.integer("at", i64::MIN, i64::MAX)
    }

    pub(super) fn filter(&self) -> Result<Filter, Fault> {
        let text = self.0.get("filter");
        if text.len() > FILTER_MAX || text.chars().count() > FILTER_MAX / 4 {
            return Err(Fault::request("`filter` is longer than 4096 characters"));
        }
        Ok(Filter::parse(text)?)
    }

    pub(super) fn group(&self) -> Result<Group, Fault> {
        Ok(self.text("group").map(str::parse).transpose()?.unwrap_or_default())
    }

    pub(super) fn expand(&self) -> Result<HashSet<String>, Fault> {
        let all: HashSet<String> = self.0.all("expand").map(str::to_owned).collect();
        if all.len() > EXPAND_MAX {
            return Err(Fault::request(format!("`expand` comes more than {EXPAND_MAX} times")));
        }
        Ok(all)
    }

    /// `limit` of the map.
    pub(super) fn cards(&self) -> Result<usize, Fault> {
        Ok(self.size("limit", 1, 500)?.unwrap_or(svcflow_map::CARDS_DEFAULT))
    }

    /// `id`, as it was given and what it names.
    pub(super) fn id(&self) -> Result<(String, Place), Fault> {
        let id = self.text("id").ok_or_else(|| Fault::request("`id` is missing"))?;
        Ok((id.to_owned(), Place::parse(id)?))
    }

    pub(super) fn of_place(&self) -> Result<Option<Place>, Fault> {
        Ok(self.text("of").map(Place::parse).transpose()?)
    }

    pub(super) fn side(&self) -> Result<Option<Side>, Fault> {
        match self.text("side") {
            None => Ok(None),
            Some("served") => Ok(Some(Side::Served)),
            Some("asked") => Ok(Some(Side::Asked)),
            Some(_) => Err(Fault::request("`side`: expected `served` or `asked`")),
        }
    }

    pub(super) fn points(&self) -> Result<usize, Fault> {
        Ok(self.size("points", 2, 2_000)?.unwrap_or(300))
    }

    pub(super) fn sort(&self) -> Result<Sort, Fault> {
        let sort = self.text("sort").map(Sort::from_str).transpose();
        let named = |error| Fault::request(format!("`sort`: {error}"));
        Ok(sort.map_err(named)?.unwrap_or_default())
    }

    pub(super) fn offset(&self) -> Result<usize, Fault> {
        Ok(self.size("offset", 0, i64::MAX)?.unwrap_or(0))
    }

    /// `limit` of the table; `None` is all.
    pub(super) fn rows(&self, csv: bool) -> Result<Option<usize>, Fault> {
        Ok(match self.size("limit", 0, i64::MAX)? {
            None if csv => None,
            None => Some(200),
            Some(0) => None,
            Some(limit) => Some(limit),
        })
    }

    /// `format`; `None` leaves it to the headers.
    pub(super) fn csv(&self) -> Result<Option<bool>, Fault> {
        match self.text("format") {
            None => Ok(None),
            Some("csv") => Ok(Some(true)),
            Some("json") => Ok(Some(false)),
            Some(_) => Err(Fault::request("`format`: expected `json` or `csv`")),
        }
    }

    pub(super) fn columns(&self) -> Result<Vec<Column>, Fault> {
        let Some(text) = self.text("columns") else { return Ok(Column::ALL.to_vec()) };
        let column = |name: &str| {
            name.parse().map_err(|error| Fault::request(format!("`columns`: {error}")))
        };
        text.split(',').map(|name| column(name.trim())).collect()
    }
}
