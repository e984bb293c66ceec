//! The document, walked with its positions instead of through serde, which stops at the first fault.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use svcflow_settings::{DeValue, Fault, Parsed, Spanned, Walk, text};

use crate::{Facts, Labels, Owner, OwnerKind, Service};

const SERVICE_KEYS: &str = "name, tenant, addresses, ports, selectors, providers, labels";
const OWNER_KEYS: &str = "name, addresses, labels, node";

/// What a file says, and everything that is wrong with it.
pub(super) fn read(text: &str) -> (Facts, Vec<Fault>) {
    let mut facts = Facts::default();
    let mut faults = Walk::document(text, |walk, name, value| match name {
        "service" => each(value, name, |table| facts.services.extend(service(walk, table))),
        "owner" => each(value, name, |table| facts.owners.extend(owner(walk, table))),
        _ => Err("unknown key; there are [[service]] and [[owner]]".to_owned()),
    });
    faults.extend(twice(&facts));
    (facts, faults)
}

fn each(value: &DeValue<'_>, name: &str, read: impl FnMut(&Spanned<DeValue<'_>>)) -> Parsed<()> {
    let array = value.as_array().ok_or_else(|| format!("write [[{name}]]"))?;
    array.iter().for_each(read);
    Ok(())
}

/// Sets each key of a table; gives whether there was no fault.
fn table(
    walk: &mut Walk<'_>,
    table: &Spanned<DeValue<'_>>,
    required: &[&str],
    mut set: impl FnMut(&str, &DeValue<'_>) -> Parsed<()>,
) -> bool {
    let start = table.span().start;
    let Some(keys) = table.get_ref().as_table() else {
        walk.fault(Some(start), "expected a table".to_owned());
        return false;
    };
    let mut fine = true;
    walk.table(keys, |_, name, value| {
        let result = set(name, value);
        fine &= result.is_ok();
        result
    });
    for name in required.iter().filter(|name| !keys.contains_key(**name)) {
        walk.fault(Some(start), format!("`{name}` is missing"));
        fine = false;
    }
    fine
}

fn service(walk: &mut Walk<'_>, from: &Spanned<DeValue<'_>>) -> Option<Service> {
    let mut it = Service::default();
    let fine = table(walk, from, &["name", "addresses"], |name, value| {
        match name {
            "name" => it.name = named(value)?,
            "tenant" => it.tenant = text(value)?.to_owned(),
            "addresses" => it.addresses = some(list(value, "[\"100.1.1.3\"]", address)?)?,
            "ports" => it.ports = list(value, "[\"8080:80:TCP\"]", parsed)?,
            "selectors" => it.selectors = labels(value)?,
            "providers" => it.providers = Some(list(value, "[\"10.1.1.1\"]", address)?),
            "labels" => it.labels = labels(value)?,
            _ => return Err(format!("unknown key; a service has {SERVICE_KEYS}")),
        }
        Ok(())
    });
    it.identity = it.full_name();
    fine.then_some(it)
}

fn owner(walk: &mut Walk<'_>, from: &Spanned<DeValue<'_>>) -> Option<Owner> {
    let mut it = Owner {
        identity: String::new(),
        name: String::new(),
        kind: OwnerKind::Named,
        addresses: Vec::new(),
        labels: Labels::default(),
        node: None,
        since: None,
    };
    let fine = table(walk, from, &["name", "addresses"], |name, value| {
        match name {
            "name" => it.name = named(value)?,
            "addresses" => it.addresses = some(list(value, "[\"10.1.1.0/24\"]", parsed)?)?,
            "labels" => it.labels = labels(value)?,
            "node" => it.node = Some(text(value)?.to_owned()),
            _ => return Err(format!("unknown key; an owner has {OWNER_KEYS}")),
        }
        Ok(())
    });
    it.identity.clone_from(&it.name);
    fine.then_some(it)
}

/// Names are identities here, so each may stand once.
fn twice(facts: &Facts) -> Vec<Fault> {
    let owners = facts.owners.iter().map(|it| ("owner", &it.identity));
    let services = facts.services.iter().map(|it| ("service", &it.identity));
    let mut seen = BTreeSet::new();
    let again = owners.chain(services).filter(|it| !seen.insert(*it));
    let said = again.map(|(what, name)| {
        Fault::of_all(format!("{what} `{name}` stands there twice: give each its own name"))
    });
    said.collect()
}

fn named(value: &DeValue<'_>) -> Parsed<String> {
    let name = text(value)?;
    if name.trim().is_empty() { Err("give it a name".to_owned()) } else { Ok(name.to_owned()) }
}

fn list<T>(value: &DeValue<'_>, example: &str, read: impl Fn(&str) -> Parsed<T>) -> Parsed<Vec<T>> {
    let array = value.as_array().ok_or_else(|| format!("expected `{example}`"))?;
    array.iter().map(|each| read(text(each.get_ref())?)).collect()
}

fn some<T>(list: Vec<T>) -> Parsed<Vec<T>> {
    if list.is_empty() { Err("expected one at least".to_owned()) } else { Ok(list) }
}

fn address(text: &str) -> Parsed<IpAddr> {
    text.parse().map_err(|_| format!("`{text}` is no address: write \"10.1.1.1\""))
}

fn parsed<T: FromStr<Err: Display>>(text: &str) -> Parsed<T> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// A table of texts, or an array of `key=value`.
fn labels(value: &DeValue<'_>) -> Parsed<Labels> {
    let example = "expected `{ tier = \"web\" }` or `[\"tier=web\"]`";
    if let Some(table) = value.as_table() {
        let pair = |(key, value): (&Spanned<Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
            Ok((key.get_ref().to_string(), text(value.get_ref())?.to_owned()))
        };
        return table.iter().map(pair).collect();
    }
    let array = value.as_array().ok_or(example)?;
    let texts = array.iter().map(|each| text(each.get_ref())).collect::<Parsed<Vec<_>>>()?;
    Labels::from_pairs(texts).map_err(|wrong| format!("`{wrong}` has no `=`; {example}"))
}
