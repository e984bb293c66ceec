//! From a resolved statement to its plan.

use std::collections::BTreeSet;
use std::sync::Arc;

use svcflow_influxql as ql;

use super::condition::Bounds;
use super::inputs::Inputs;
use super::level::{Input, Interval, Level, LevelSource, Mapped, Output};
use super::names::column_names;
use super::resolve::{Resolved, ResolvedSource};
use crate::QueryError;

/// The plan of a whole statement, and what its column of times is called.
pub(crate) fn lower(resolved: &Resolved, now: i64) -> Result<(Level, Arc<str>), QueryError> {
    let mut level = Lowering { dimensions: sorted(resolved, &[]) }.level(resolved, None)?;
    if level.interval.is_some() {
        level.bounds.max = level.bounds.max.or(Some(now));
    }
    Ok((level, resolved.time_name.as_str().into()))
}

/// The tags of a level and of those around it, sorted, each once.
fn sorted(resolved: &Resolved, around: &[Arc<str>]) -> Arc<[Arc<str>]> {
    let own = resolved.dimensions.iter().map(|tag| tag.as_str().into());
    let all: BTreeSet<Arc<str>> = own.chain(around.iter().cloned()).collect();
    all.into_iter().collect()
}

struct Lowering {
    dimensions: Arc<[Arc<str>]>,
}

/// What a level takes from the one around it.
#[derive(Clone, Copy)]
struct Around<'a> {
    group_by: &'a [Arc<str>],
    interval: Option<Interval>,
    series_limit: u64,
    series_offset: u64,
}

impl Lowering {
    fn level(&self, resolved: &Resolved, around: Option<Around<'_>>) -> Result<Level, QueryError> {
        let own = (resolved.interval > 0)
            .then_some(Interval { every: resolved.interval, offset: resolved.offset });
        let interval = own.or_else(|| around.and_then(|around| around.interval));
        let group_by = sorted(resolved, around.map_or(&[], |around| around.group_by));
        let limit = |page: &ql::Page| page.limit.map_or(0, std::num::NonZero::get);
        let series_limit =
            limit(&resolved.series).saturating_add(around.map_or(0, |it| it.series_limit));
        let series_offset =
            resolved.series.offset.saturating_add(around.map_or(0, |it| it.series_offset));

        let mut inputs = Inputs::new(interval);
        let names = column_names(&resolved.fields);
        let mut outputs = Vec::with_capacity(names.len());
        for (name, (plain_name, node)) in names.iter().zip(super::names::columns(&resolved.fields))
        {
            let eval = inputs.output(&node)?;
            outputs.push(Output { name: name.as_str().into(), plain_name, eval });
        }
        let body = inputs.body(&mut outputs);
        let condition = resolved.condition.as_ref().map(|it| inputs.condition(it)).transpose()?;
        let inputs = inputs.into_list();

        let within = Around { group_by: &group_by, interval, series_limit, series_offset };
        let mut sources = Vec::new();
        for source in &resolved.sources {
            self.source(source, within, &inputs, &mut sources)?;
        }
        Ok(Level {
            sources,
            bounds: Bounds { ..resolved.bounds },
            interval,
            ascending: resolved.ascending,
            dimensions: Arc::clone(&self.dimensions),
            group_by: Arc::clone(&group_by),
            inputs,
            condition,
            body,
            // Within another statement empty buckets would only be left out again.
            fill: match resolved.fill {
                ql::Fill::Null if around.is_some() => ql::Fill::None,
                fill => fill,
            },
            limit: limit(&resolved.rows),
            offset: resolved.rows.offset,
            series_limit,
            series_offset,
            outputs,
            zone: resolved.zone.clone(),
        })
    }

    fn source(
        &self,
        source: &ResolvedSource,
        around: Around<'_>,
        inputs: &[Input],
        sources: &mut Vec<LevelSource>,
    ) -> Result<(), QueryError> {
        match source {
            ResolvedSource::Tables(tables) => {
                sources.extend(tables.iter().cloned().map(LevelSource::Table));
            }
            ResolvedSource::Subquery(inner) => {
                let level = self.level(inner, Some(around))?;
                let map = inputs.iter().map(|input| mapped(input, inner, &level)).collect();
                sources.push(LevelSource::Subquery { level: Box::new(level), map });
            }
        }
        Ok(())
    }
}

/// Where a level finds an input in the level within it. A condition sees columns by the names that tell
/// them apart, and all tags; anything else by their plain names, and the tags of `GROUP BY`.
fn mapped(input: &Input, inner: &Resolved, level: &Level) -> Mapped {
    let name = input.name.as_str();
    let found = level.outputs.iter().position(|output| {
        if input.for_condition { &*output.name == name } else { output.plain_name == name }
    });
    if let Some(at) = found {
        return Mapped::Output(at, input.kind);
    }
    if input.for_condition || inner.dimensions.iter().any(|tag| tag == name) {
        return Mapped::Tag(name.into());
    }
    Mapped::Nothing
}
