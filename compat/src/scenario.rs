//! The scenario files, and the steps that they become.
//!
//! ```yaml
//! about: Counters with gaps.
//! db: t                                   # made at the start; the db of every step that names none
//! defaults: { epoch: ns }                 # taken by every step that doesn't say otherwise
//! steps:
//!   - write: |
//!       m,host=a v=1i 0
//!   - SELECT v FROM m                     # a query alone: GET if it starts with SELECT or SHOW, else a form by POST
//!   - { q: SELECT v FROM m, epoch: ms }
//!   - q: SELECT ${f}(v) FROM m ${by}      # once for each combination
//!     with: { f: [mean, sum], by: ["", GROUP BY host] }
//!   - request: HEAD /ping
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::expand::{Meaning, combinations, fill};
use crate::{Compare, Error, Now, Request, Result, random, step};

/// A scenario file: what is written and asked, in order, starting from empty servers.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The file's name without its extension.
    pub name: String,
    /// Where it was read.
    pub path: PathBuf,
    /// Whether it speaks of the present, so that yesterday's answers say nothing about it.
    pub live: bool,
    raw: RawScenario,
}

/// One request of a scenario, and what to look at in its answer.
#[derive(Debug, Clone)]
pub struct Step {
    /// The query's text or the request line: what a report shows.
    pub label: String,
    /// The query, where the step is one without bound parameters.
    pub q: Option<String>,
    /// What is sent.
    pub request: Request,
    /// What is looked at.
    pub check: Check,
}

/// What is looked at in an answer.
#[derive(Debug, Clone, Default)]
pub struct Check {
    /// How closely the answers are compared.
    pub compare: Compare,
    /// Headers, in lower case, that both must have or both lack. The type of the body is always compared.
    pub headers: Vec<String>,
    /// The status that the reference must answer with: guards the scenario itself.
    pub status: Option<u16>,
    /// Why svcflow's answer may differ, and the status that it must have then.
    pub exception: Option<Exception>,
}

/// A difference that is meant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The reason.
    pub why: String,
    /// The status of svcflow's answer, where it differs from the reference's.
    pub status: Option<u16>,
    /// A text that svcflow's answer must hold.
    pub body: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    /// What it is for; read by people.
    #[serde(rename = "about")]
    _about: String,
    db: Option<String>,
    #[serde(default)]
    defaults: Parts,
    steps: Vec<RawStep>,
}

/// A query alone, or a step with its parts.
#[derive(Debug, Clone)]
enum RawStep {
    Query(String),
    Parts(Box<Parts>),
}

/// Everything that a step may say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Parts {
    /// A query.
    pub(crate) q: Option<String>,
    /// Several queries with the same options.
    pub(crate) queries: Vec<String>,
    /// How many random queries, of which seed.
    pub(crate) random: Option<usize>,
    pub(crate) seed: u64,
    /// Line protocol.
    pub(crate) write: Option<String>,
    /// `first..end`: the lines of `write` once for each `${i}`.
    #[serde(rename = "for")]
    pub(crate) numbers: Option<String>,
    /// `METHOD /path?query`, with `body`, sent as it is.
    pub(crate) request: Option<String>,
    pub(crate) body: Option<String>,
    /// Values of placeholders: the step is repeated for each combination.
    pub(crate) with: BTreeMap<String, Vec<String>>,
    pub(crate) db: Option<String>,
    pub(crate) rp: Option<String>,
    pub(crate) epoch: Option<String>,
    pub(crate) precision: Option<String>,
    pub(crate) params: Option<String>,
    pub(crate) chunked: Option<String>,
    pub(crate) chunk_size: Option<String>,
    pub(crate) pretty: Option<String>,
    pub(crate) accept: Option<String>,
    /// `GET`, `POST` (a form), `POST-URL` (POST with the parameters in the URL) or `MULTIPART`.
    pub(crate) method: Option<String>,
    pub(crate) gzip: Option<bool>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) check: Option<Vec<String>>,
    pub(crate) compare: Option<Compare>,
    pub(crate) status: Option<u16>,
    pub(crate) exception: Option<Exception>,
}

impl<'de> Deserialize<'de> for RawStep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = RawStep;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a query, or a mapping with the parts of a step")
            }
            fn visit_str<E>(self, text: &str) -> std::result::Result<RawStep, E> {
                Ok(RawStep::Query(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(
                self,
                map: A,
            ) -> std::result::Result<RawStep, A::Error> {
                let parts = Parts::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RawStep::Parts(Box::new(parts)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Scenario {
    /// Reads one scenario file.
    ///
    /// # Errors
    /// Fails where the file can't be read or holds anything that a scenario doesn't have.
    pub fn read(path: &Path) -> Result<Scenario> {
        let text = std::fs::read_to_string(path).map_err(Error::file("reading", path))?;
        let raw = serde_saphyr::from_str(&text)
            .map_err(|source| Error::Yaml { path: path.to_owned(), source: Box::new(source) })?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Scenario { name, path: path.to_owned(), live: text.contains("${now"), raw })
    }

    /// Reads every scenario of a folder, in the order of their names.
    ///
    /// # Errors
    /// Fails at the first file that is no scenario.
    pub fn read_all(folder: &Path) -> Result<Vec<Scenario>> {
        let entries = std::fs::read_dir(folder).map_err(Error::file("reading", folder))?;
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(Error::file("reading", folder))?.path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                paths.push(path);
            }
        }
        paths.sort();
        paths.iter().map(|path| Scenario::read(path)).collect()
    }

    /// Other random queries than the file asks for.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Scenario {
        for step in &mut self.raw.steps {
            if let RawStep::Parts(parts) = step {
                parts.seed = seed;
            }
        }
        self
    }

    /// The steps, in order, with every placeholder filled.
    ///
    /// # Errors
    /// Fails at a step that has no meaning.
    pub fn steps(&self, now: Now) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        if let Some(db) = &self.raw.db {
            steps.push(step::query(
                &format!("CREATE DATABASE \"{db}\""),
                &Parts::default(),
                self.db(),
            ));
        }
        for (index, raw) in self.raw.steps.iter().enumerate() {
            let expanded = self.expand(raw, now).map_err(|fault| Error::Scenario {
                path: self.path.clone(),
                step: index + 1,
                fault,
            })?;
            steps.extend(expanded);
        }
        Ok(steps)
    }

    fn db(&self) -> Option<&str> {
        self.raw.db.as_deref()
    }

    fn expand(&self, raw: &RawStep, now: Now) -> std::result::Result<Vec<Step>, String> {
        let mut parts = match raw {
            RawStep::Query(q) => Parts { q: Some(q.clone()), ..Parts::default() },
            RawStep::Parts(parts) => (**parts).clone(),
        };
        parts.inherit(&self.raw.defaults);
        let mut steps = Vec::new();
        for names in combinations(&parts.with) {
            let precision = parts.precision.as_deref();
            let meaning = Meaning { names: &names, number: None, now, precision };
            for q in parts.q.iter().chain(&parts.queries) {
                steps.push(step::query(&fill(q, meaning)?, &parts, self.db()));
            }
            for q in parts.random.map(|count| random::queries(parts.seed, count)).iter().flatten() {
                steps.push(step::query(q, &parts, self.db()));
            }
            if let Some(lines) = &parts.write {
                let numbers = parts.numbers.as_deref().map(range).transpose()?;
                steps.push(step::write(
                    &filled_lines(lines, numbers, meaning)?,
                    &parts,
                    self.db(),
                )?);
            }
            if let Some(request) = &parts.request {
                let body = parts.body.as_deref().unwrap_or_default();
                steps.push(step::raw(&fill(request, meaning)?, fill(body, meaning)?, &parts)?);
            }
        }
        if steps.is_empty() {
            return Err("expected one of q, queries, random, write and request".to_owned());
        }
        Ok(steps)
    }
}

impl Parts {
    /// Takes from `defaults` what this step doesn't say itself.
    fn inherit(&mut self, defaults: &Parts) {
        let pairs = [
            (&mut self.rp, &defaults.rp),
            (&mut self.epoch, &defaults.epoch),
            (&mut self.precision, &defaults.precision),
            (&mut self.method, &defaults.method),
            (&mut self.accept, &defaults.accept),
            (&mut self.chunked, &defaults.chunked),
            (&mut self.chunk_size, &defaults.chunk_size),
        ];
        for (own, default) in pairs {
            if own.is_none() {
                own.clone_from(default);
            }
        }
    }
}

fn filled_lines(
    lines: &str,
    numbers: Option<Range<i64>>,
    meaning: Meaning<'_>,
) -> std::result::Result<String, String> {
    match numbers {
        None => fill(lines, meaning),
        Some(numbers) => {
            numbers.map(|i| fill(lines, Meaning { number: Some(i), ..meaning })).collect()
        }
    }
}

fn range(text: &str) -> std::result::Result<Range<i64>, String> {
    let fault = || format!("`for: {text}`: expected first..end, as 0..360");
    let (first, end) = text.split_once("..").ok_or_else(fault)?;
    Ok(first.parse().map_err(|_| fault())?..end.parse().map_err(|_| fault())?)
}

#[cfg(test)]
#[path = "scenario_tests.rs"]
mod tests;
