//! Wildcards among the fields, written out.

use super::compile::Field;
use super::node::{Call, Kind, Node, Reference, Regex, WildcardKind};
use super::resolve::Columns;
use crate::QueryError;

impl Field {
    /// What the column is called, before names that are there twice are told apart.
    pub(crate) fn name(&self) -> String {
        self.alias.clone().unwrap_or_else(|| name_of(&self.node))
    }

    /// The tags that `top` or `bottom` is asked to tell apart: columns of their own.
    pub(crate) fn top_bottom_tags(&self) -> &[Node] {
        match &self.node {
            Node::Call(call) => call.top_bottom_tags(),
            _ => &[],
        }
    }
}

impl Call {
    /// The arguments of `top` and `bottom` between the first and the last.
    pub(crate) fn top_bottom_tags(&self) -> &[Node] {
        match self.args.as_slice() {
            [_, tags @ .., _] if matches!(self.name.as_str(), "top" | "bottom") => tags,
            _ => &[],
        }
    }
}

/// The name of a column: the function's or the name's; in arithmetic, all of them.
fn name_of(node: &Node) -> String {
    match node {
        Node::Call(call) => call.name.clone(),
        Node::Binary(_) => {
            let mut names = Vec::new();
            names_in(node, &mut names);
            names.join("_")
        }
        Node::Paren(inner) => name_of(inner),
        Node::Reference(reference) => reference.name.clone(),
        _ => String::new(),
    }
}

fn names_in<'a>(node: &'a Node, names: &mut Vec<&'a str>) {
    match node {
        Node::Reference(reference) => names.push(&reference.name),
        Node::Call(call) => names.push(&call.name),
        Node::Binary(binary) => {
            names_in(&binary.left, names);
            names_in(&binary.right, names);
        }
        Node::Paren(inner) => names_in(inner, names),
        _ => {}
    }
}

/// Whether a wildcard or a pattern for fields is in an expression.
pub(crate) fn has_wildcard(node: &Node) -> bool {
    let mut found = false;
    node.walk(&mut |node| found |= matches!(node, Node::Wildcard(_) | Node::Regex(_)));
    found
}

/// The columns in the order in which wildcards list them: by name, a field before a tag.
fn listed(columns: &Columns) -> Vec<Reference> {
    // Where there are no fields, InfluxDB doesn't list the tags either.
    if columns.fields.is_empty() {
        return Vec::new();
    }
    let fields = columns.fields.iter().map(|(name, kind)| (name, *kind));
    let tags = columns.tags.iter().map(|name| (name, Some(Kind::Tag)));
    let mut all: Vec<Reference> =
        fields.chain(tags).map(|(name, kind)| Reference { name: name.clone(), kind }).collect();
    all.sort();
    all
}

/// Writes wildcards out.
pub(crate) fn expand_fields(
    fields: Vec<Field>,
    columns: &Columns,
) -> Result<Vec<Field>, QueryError> {
    let listed = listed(columns);
    let mut expanded = Vec::with_capacity(fields.len() + listed.len());
    for field in fields {
        match &field.node {
            Node::Wildcard(kind) => {
                let wanted = |reference: &&Reference| match kind {
                    Some(WildcardKind::Field) => reference.kind != Some(Kind::Tag),
                    Some(WildcardKind::Tag) => reference.kind == Some(Kind::Tag),
                    None => true,
                };
                expanded.extend(listed.iter().filter(wanted).map(plain));
            }
            Node::Regex(regex) => {
                let wanted = listed.iter().filter(|reference| regex.is_match(&reference.name));
                expanded.extend(wanted.map(plain));
            }
            Node::Call(_) => expand_call(field, &listed, &mut expanded)?,
            Node::Binary(_) => {
                check_binary(&field.node)?;
                expanded.push(field);
            }
            _ => expanded.push(field),
        }
    }
    Ok(expanded)
}

fn plain(reference: &Reference) -> Field {
    Field { node: Node::Reference(reference.clone()), alias: None }
}

fn check_binary(node: &Node) -> Result<(), QueryError> {
    let (mut regex, mut wildcard) = (false, false);
    node.walk(&mut |node| {
        regex |= matches!(node, Node::Regex(_));
        wildcard |= matches!(node, Node::Wildcard(_));
    });
    let what = match (wildcard, regex) {
        (true, _) => "wildcard",
        (false, true) => "regex field",
        (false, false) => return Ok(()),
    };
    Err(QueryError::Invalid(format!("unsupported expression with {what}: {node}")))
}

/// The innermost call along the first arguments.
fn innermost(call: &Call) -> &Call {
    match call.args.first() {
        Some(Node::Call(inner)) => innermost(inner),
        _ => call,
    }
}

/// Puts something else in the place of the innermost call's first argument.
fn replace_argument(call: &mut Call, argument: Node) {
    match call.args.first_mut() {
        Some(Node::Call(inner)) => replace_argument(inner, argument),
        Some(first) => *first = argument,
        None => {}
    }
}

fn expand_call(
    field: Field,
    listed: &[Reference],
    expanded: &mut Vec<Field>,
) -> Result<(), QueryError> {
    let Node::Call(outer) = &field.node else { return Ok(()) };
    let call = innermost(outer);
    let pattern: Option<&Regex> = match call.args.first() {
        Some(Node::Wildcard(Some(WildcardKind::Tag))) => {
            let text = format!("unable to use tag wildcard in {}()", call.name);
            return Err(QueryError::Invalid(text));
        }
        Some(Node::Wildcard(_)) => None,
        Some(Node::Regex(regex)) => Some(regex),
        _ => {
            expanded.push(field);
            return Ok(());
        }
    };
    let wanted = |reference: &&Reference| {
        takes(&call.name, reference.kind)
            && pattern.is_none_or(|regex| regex.is_match(&reference.name))
    };
    for reference in listed.iter().filter(wanted) {
        let mut one = outer.clone();
        replace_argument(&mut one, Node::Reference(reference.clone()));
        let alias = Some(format!("{}_{}", field.name(), reference.name));
        expanded.push(Field { node: Node::Call(one), alias });
    }
    Ok(())
}

/// Whether a wildcard within this function stands for columns of this type.
fn takes(function: &str, kind: Option<Kind>) -> bool {
    match kind {
        Some(Kind::Float | Kind::Integer) => true,
        Some(Kind::Boolean) => matches!(
            function,
            "count" | "first" | "last" | "distinct" | "elapsed" | "mode" | "sample" | "min" | "max"
        ),
        Some(Kind::String) => matches!(
            function,
            "count" | "first" | "last" | "distinct" | "elapsed" | "mode" | "sample"
        ),
        _ => false,
    }
}
