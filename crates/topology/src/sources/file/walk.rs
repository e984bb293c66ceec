//! The document, walked with its positions instead of through serde, which stops at the first fault.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Fault;
use crate::{Facts, Labels, Owner, OwnerKind, Service};

const SERVICE_KEYS: &str = "name, tenant, addresses, ports, selectors, providers, labels";
const OWNER_KEYS: &str = "name, addresses, labels, node";

type Parsed<T> = Result<T, String>;

pub(super) fn read(text: &str) -> Result<Facts, Vec<Fault>> {
    let mut walk = Walk { text, facts: Facts::default(), faults: Vec::new() };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        walk.fault(error.span().map(|span| span.start), error.message().to_owned());
    }
    for (key, value) in document.get_ref() {
        walk.top(key, value);
    }
    walk.twice();
    walk.faults.sort_by_key(|fault| fault.line);
    if walk.faults.is_empty() { Ok(walk.facts) } else { Err(walk.faults) }
}

struct Walk<'t> {
    text: &'t str,
    facts: Facts,
    faults: Vec<Fault>,
}

impl Walk<'_> {
    fn fault(&mut self, at: Option<usize>, message: String) {
        let before = at.and_then(|at| self.text.as_bytes().get(..at));
        let line = before.map(|before| before.iter().filter(|byte| **byte == b'\n').count() + 1);
        self.faults.push(Fault { line, message });
    }

    fn top(&mut self, key: &Spanned<Cow<'_, str>>, value: &Spanned<DeValue<'_>>) {
        let name: &str = key.get_ref();
        let read: fn(&mut Self, &Spanned<DeValue<'_>>) = match name {
            "service" => Self::service,
            "owner" => Self::owner,
            _ => {
                let message = format!("`{name}`: unknown key; there are [[service]] and [[owner]]");
                return self.fault(Some(key.span().start), message);
            }
        };
        match value.get_ref().as_array() {
            Some(array) => array.iter().for_each(|each| read(self, each)),
            None => {
                self.fault(Some(key.span().start), format!("`{name}`: write [[{name}]]"));
            }
        }
    }

    /// Sets each key of a table; gives whether there was no fault.
    fn each(
        &mut self,
        table: &Spanned<DeValue<'_>>,
        required: &[&str],
        mut set: impl FnMut(&str, &DeValue<'_>) -> Parsed<()>,
    ) -> bool {
        let before = self.faults.len();
        let start = table.span().start;
        let Some(keys) = table.get_ref().as_table() else {
            self.fault(Some(start), "expected a table".to_owned());
            return false;
        };
        for (key, value) in keys {
            let name: &str = key.get_ref();
            if let Err(remedy) = set(name, value.get_ref()) {
                self.fault(Some(key.span().start), format!("`{name}`: {remedy}"));
            }
        }
        for name in required.iter().filter(|name| !keys.contains_key(**name)) {
            self.fault(Some(start), format!("`{name}` is missing"));
        }
        self.faults.len() == before
    }

    fn service(&mut self, table: &Spanned<DeValue<'_>>) {
        let mut it = Service::default();
        let fine = self.each(table, &["name", "addresses"], |name, value| {
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
        if fine {
            it.identity = it.full_name();
            self.facts.services.push(it);
        }
    }

    fn owner(&mut self, table: &Spanned<DeValue<'_>>) {
        let mut it = Owner {
            identity: String::new(),
            name: String::new(),
            kind: OwnerKind::Named,
            addresses: Vec::new(),
            labels: Labels::default(),
            node: None,
            since: None,
        };
        let fine = self.each(table, &["name", "addresses"], |name, value| {
            match name {
                "name" => it.name = named(value)?,
                "addresses" => it.addresses = some(list(value, "[\"10.1.1.0/24\"]", parsed)?)?,
                "labels" => it.labels = labels(value)?,
                "node" => it.node = Some(text(value)?.to_owned()),
                _ => return Err(format!("unknown key; an owner has {OWNER_KEYS}")),
            }
            Ok(())
        });
        if fine {
            it.identity.clone_from(&it.name);
            self.facts.owners.push(it);
        }
    }

    /// Names are identities here, so each may stand once.
    fn twice(&mut self) {
        let owners = self.facts.owners.iter().map(|it| ("owner", it.identity.clone()));
        let services = self.facts.services.iter().map(|it| ("service", it.identity.clone()));
        let mut seen = BTreeSet::new();
        let all: Vec<_> = owners.chain(services).filter(|it| !seen.insert(it.clone())).collect();
        for (what, name) in all {
            self.fault(None, format!("{what} `{name}` stands there twice: give each its own name"));
        }
    }
}

fn text<'v>(value: &'v DeValue<'_>) -> Parsed<&'v str> {
    value.as_str().ok_or_else(|| "expected text in quotes".to_owned())
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
