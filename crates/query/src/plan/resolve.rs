//! A checked statement and what is stored, brought together: types of names, and wildcards written out
//! (InfluxDB's `RewriteFields`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use svcflow_influxql as ql;

use super::compile::{Compiled, Field, Source};
use super::condition::Bounds;
use super::dimensions::TagDimension;
use super::expand::{expand_fields, has_wildcard};
use super::node::{Kind, Node};
use super::tables::{Table, Tables};
use super::types::{kind_of, kind_of_name};
use crate::{QueryError, Zone};

/// A source of rows.
#[derive(Clone, Debug)]
pub(crate) enum ResolvedSource {
    /// Measurements, sorted by name.
    Tables(Vec<Arc<Table>>),
    Subquery(Box<Resolved>),
}

/// A statement whose names have types, and which has no wildcards.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) fields: Vec<Field>,
    pub(crate) time_name: String,
    pub(crate) sources: Vec<ResolvedSource>,
    pub(crate) condition: Option<Node>,
    pub(crate) bounds: Bounds,
    pub(crate) interval: i64,
    pub(crate) offset: i64,
    /// The tags that rows are grouped by, as they stand in the statement.
    pub(crate) dimensions: Vec<String>,
    pub(crate) fill: ql::Fill,
    pub(crate) ascending: bool,
    pub(crate) rows: ql::Page,
    pub(crate) series: ql::Page,
    pub(crate) zone: Option<Zone>,
}

/// Columns that wildcards stand for: fields with their types, and tags.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) fields: BTreeMap<String, Option<Kind>>,
    pub(crate) tags: BTreeSet<String>,
}

/// Finds the sources and the types.
pub(crate) fn resolve(
    compiled: Compiled,
    tables: &mut impl Tables,
) -> Result<Resolved, QueryError> {
    let resolved = resolve_level(compiled, tables)?;
    // InfluxDB looks at the outermost statement's types only: what makes no sense within is nothing.
    for field in &resolved.fields {
        kind_of(&field.node, &[])?;
    }
    Ok(resolved)
}

fn resolve_level(compiled: Compiled, tables: &mut impl Tables) -> Result<Resolved, QueryError> {
    let sources = compiled
        .sources
        .into_iter()
        .map(|source| resolve_source(source, tables))
        .collect::<Result<Vec<_>, _>>()?;
    let mut fields = compiled.fields;
    for field in &mut fields {
        assign_kinds(&mut field.node, &sources);
    }
    let mut condition = compiled.condition;
    if let Some(condition) = &mut condition {
        assign_kinds(condition, &sources);
    }
    let (fields, dimensions) = without_wildcards(fields, &compiled.grouping.tags, &sources)?;
    Ok(Resolved {
        fields,
        time_name: compiled.time_name,
        sources,
        condition,
        bounds: compiled.bounds,
        interval: compiled.grouping.interval.max(0),
        offset: compiled.grouping.offset,
        dimensions,
        fill: compiled.fill,
        ascending: compiled.ascending,
        rows: compiled.rows,
        series: compiled.series,
        zone: compiled.zone,
    })
}

fn resolve_source(source: Source, tables: &mut impl Tables) -> Result<ResolvedSource, QueryError> {
    Ok(match source {
        Source::Measurement(measurement) => ResolvedSource::Tables(tables.find(&measurement)?),
        Source::Subquery(inner) => {
            ResolvedSource::Subquery(Box::new(resolve_level(*inner, tables)?))
        }
    })
}

/// Gives each name its type.
fn assign_kinds(node: &mut Node, sources: &[ResolvedSource]) {
    node.references_mut(&mut |reference| {
        if !matches!(reference.kind, None | Some(Kind::AnyField)) {
            return;
        }
        let kind = kind_of_name(&reference.name, sources).unwrap_or(None);
        // `::field` of what is only a tag stays what it is: a field that isn't there.
        if !(kind == Some(Kind::Tag) && reference.kind == Some(Kind::AnyField)) {
            reference.kind = kind;
        }
    });
}

fn without_wildcards(
    fields: Vec<Field>,
    dimensions: &[TagDimension],
    sources: &[ResolvedSource],
) -> Result<(Vec<Field>, Vec<String>), QueryError> {
    let wild = dimensions.iter().any(|it| !matches!(it, TagDimension::Tag(_)));
    let named = |it: &TagDimension| match it {
        TagDimension::Tag(name) => Some(name.clone()),
        _ => None,
    };
    if !wild && !fields.iter().any(|field| has_wildcard(&field.node)) {
        return Ok((fields, dimensions.iter().filter_map(named).collect()));
    }
    let mut columns = columns_of(sources)?;
    if wild {
        let dimensions = expand_dimensions(dimensions, &columns.tags);
        columns.tags.clear();
        return Ok((expand_fields(fields, &columns)?, dimensions));
    }
    let dimensions: Vec<String> = dimensions.iter().filter_map(named).collect();
    for name in &dimensions {
        columns.tags.remove(name);
    }
    Ok((expand_fields(fields, &columns)?, dimensions))
}

fn expand_dimensions(dimensions: &[TagDimension], tags: &BTreeSet<String>) -> Vec<String> {
    let mut expanded = Vec::new();
    for dimension in dimensions {
        match dimension {
            TagDimension::Tag(name) => expanded.push(name.clone()),
            TagDimension::All => expanded.extend(tags.iter().cloned()),
            TagDimension::Matching(regex) => {
                expanded.extend(tags.iter().filter(|tag| regex.is_match(tag)).cloned());
            }
        }
    }
    expanded
}

fn columns_of(sources: &[ResolvedSource]) -> Result<Columns, QueryError> {
    let mut columns = Columns::default();
    let add = |columns: &mut Columns, name: &str, kind: Option<Kind>| {
        let there = columns.fields.entry(name.to_owned()).or_insert(kind);
        *there = super::types::preferred(*there, kind);
    };
    for source in sources {
        match source {
            ResolvedSource::Tables(tables) => {
                for table in tables {
                    for (name, kind) in &table.fields {
                        add(&mut columns, name, Some(*kind));
                    }
                    columns.tags.extend(table.tags.iter().map(|tag| tag.to_string()));
                }
            }
            ResolvedSource::Subquery(inner) => {
                for field in &inner.fields {
                    let kind = kind_of(&field.node, &inner.sources).unwrap_or(None);
                    add(&mut columns, &field.name(), kind);
                }
                columns.tags.extend(inner.dimensions.iter().cloned());
            }
        }
    }
    Ok(columns)
}
