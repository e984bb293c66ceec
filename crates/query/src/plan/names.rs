//! The names of columns: what is there twice gets a number.

use std::collections::HashMap;

use super::compile::Field;
use super::node::Node;

/// The columns that fields make, each with its plain name: `top` and `bottom` make one of each tag they
/// are given, too.
pub(crate) fn columns(fields: &[Field]) -> Vec<(String, Node)> {
    let mut columns = Vec::with_capacity(fields.len());
    for field in fields {
        columns.push((field.name(), field.node.clone()));
        for tag in field.top_bottom_tags() {
            columns.push((Field { node: tag.clone(), alias: None }.name(), tag.clone()));
        }
    }
    columns
}

/// The names of the columns that fields make (InfluxDB's `ColumnNames`).
pub(crate) fn column_names(fields: &[Field]) -> Vec<String> {
    let mut names = Vec::with_capacity(fields.len());
    for field in fields {
        names.push((field.alias.is_some(), field.name()));
        for tag in field.top_bottom_tags() {
            names.push((false, Field { node: tag.clone(), alias: None }.name()));
        }
    }
    // Aliases are kept as they are, even where they are alike.
    let aliases = names.iter().filter(|(alias, _)| *alias);
    let mut taken: HashMap<String, u64> = aliases.map(|(_, name)| (name.clone(), 1)).collect();
    names
        .into_iter()
        .map(|(alias, name)| if alias { name } else { numbered(name, &mut taken) })
        .collect()
}

fn numbered(name: String, taken: &mut HashMap<String, u64>) -> String {
    let Some(first) = taken.get(&name).copied() else {
        taken.insert(name.clone(), 1);
        return name;
    };
    let mut number = first;
    loop {
        let candidate = format!("{name}_{number}");
        number += 1;
        if !taken.contains_key(&candidate) {
            taken.insert(name, number);
            taken.insert(candidate.clone(), 1);
            return candidate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::Reference;
    use super::*;

    fn names(fields: &[(&str, Option<&str>)]) -> Vec<String> {
        let field = |(name, alias): &(&str, Option<&str>)| Field {
            node: Node::Reference(Reference { name: (*name).into(), kind: None }),
            alias: alias.map(Into::into),
        };
        column_names(&fields.iter().map(field).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_there_twice_is_numbered() {
        let plain = |name| (name, None);
        assert_eq!(names(&[plain("v"), plain("v"), plain("v")]), ["v", "v_1", "v_2"]);
        assert_eq!(names(&[plain("v"), ("w", Some("v"))]), ["v_1", "v"]);
        assert_eq!(names(&[("v", Some("a")), ("w", Some("a"))]), ["a", "a"]);
        assert_eq!(names(&[plain("v"), plain("v_1"), plain("v")]), ["v", "v_1", "v_2"]);
    }
}
