//! From text to terms.

use super::{Condition, FilterError, Glob, Requirement, Term, What, network};

type Read<T> = Result<T, FilterError>;

/// All terms, or the first fault.
pub(super) fn terms(text: &str) -> Read<Vec<Term>> {
    let mut reader = Reader { all: text.chars().collect(), at: 0 };
    let mut terms = Vec::new();
    reader.spaces();
    while reader.peek().is_some() {
        terms.push(reader.term()?);
        reader.spaces();
    }
    Ok(terms)
}

struct Reader {
    all: Vec<char>,
    at: usize,
}

impl Reader {
    fn term(&mut self) -> Read<Term> {
        if let Some(requirements) = self.labels()? {
            return Ok(Term::Labels(requirements));
        }
        let negated = self.accept("!");
        let start = self.at;
        for field in ["name:", "node:", "proto:", "port:", "label:"] {
            if self.accept(field) {
                return self.field(field, negated);
            }
        }
        let quoted = self.peek() == Some('"');
        let value = self.word("")?;
        if value.is_empty() && !quoted {
            return Err(fault("expected a term", start));
        }
        if let Some(network) = network(&value).filter(|_| !quoted) {
            return Ok(Term::Is { what: What::Network(network), negated });
        }
        if negated && !quoted && is_key(&value) {
            return Ok(Term::Labels(vec![Requirement { key: value, is: Condition::Absent }]));
        }
        Ok(Term::Is { what: What::Text(value.to_lowercase()), negated })
    }

    fn field(&mut self, field: &str, negated: bool) -> Read<Term> {
        let from = self.at;
        let value = self.word("")?;
        if value.is_empty() {
            return Err(fault("expected a value behind the colon", from));
        }
        let what = match field {
            "label:" => {
                let is = if negated { Condition::Absent } else { Condition::There };
                return Ok(Term::Labels(vec![Requirement { key: value, is }]));
            }
            "port:" => {
                let digits = value.bytes().all(|byte| byte.is_ascii_digit());
                let port = value.parse().ok().filter(|_| digits);
                What::Port(port.ok_or_else(|| fault("expected a port, 0 to 65535", from))?)
            }
            "name:" => What::Name(Glob::new(&value)),
            "node:" => What::Node(value),
            _ => What::Protocol(value),
        };
        Ok(Term::Is { what, negated })
    }

    /// A selector; `None`, and nothing read, where what comes is none.
    fn labels(&mut self) -> Read<Option<Vec<Requirement>>> {
        let before = self.at;
        let mut requirements = Vec::new();
        loop {
            match self.requirement(!requirements.is_empty())? {
                Some(requirement) => requirements.push(requirement),
                None if requirements.is_empty() => {
                    self.at = before;
                    return Ok(None);
                }
                None => {
                    return Err(fault("expected a label's requirement, such as tier=db", self.at));
                }
            }
            if !self.accept(",") {
                break;
            }
            self.spaces();
        }
        if self.peek().is_some_and(|c| !c.is_whitespace()) {
            return Err(fault("expected a space or a comma", self.at));
        }
        Ok(Some(requirements))
    }

    fn requirement(&mut self, follows: bool) -> Read<Option<Requirement>> {
        // Alone, `!key` is a term of its own; here it is one of several.
        if self.peek() == Some('!') {
            let end = self.key_end(self.at + 1);
            let next = self.all.get(end).copied();
            let ends = next == Some(',') || follows && next.is_none_or(char::is_whitespace);
            if end == self.at + 1 || !ends {
                return Ok(None);
            }
            let key = self.text(self.at + 1, end);
            self.at = end;
            return Ok(Some(Requirement { key, is: Condition::Absent }));
        }
        let end = self.key_end(self.at);
        if end == self.at {
            return Ok(None);
        }
        let (before, key) = (self.at, self.text(self.at, end));
        self.at = end;
        if self.accept("!=") {
            let is = Condition::NoneOf(vec![self.word(",")?]);
            return Ok(Some(Requirement { key, is }));
        }
        if self.accept("==") || self.accept("=") {
            let is = Condition::OneOf(vec![self.word(",")?]);
            return Ok(Some(Requirement { key, is }));
        }
        let Some(make) = self.set() else {
            self.at = before;
            return Ok(None);
        };
        Ok(Some(Requirement { key, is: make(self.values()?) }))
    }

    /// ` in (` or ` notin (`; nothing read where neither comes.
    fn set(&mut self) -> Option<fn(Vec<String>) -> Condition> {
        if !self.peek().is_some_and(char::is_whitespace) {
            return None;
        }
        self.spaces();
        let make: fn(Vec<String>) -> Condition = if self.accept("in") {
            Condition::OneOf
        } else if self.accept("notin") {
            Condition::NoneOf
        } else {
            return None;
        };
        self.spaces();
        self.accept("(").then_some(make)
    }

    fn values(&mut self) -> Read<Vec<String>> {
        let mut values = Vec::new();
        loop {
            self.spaces();
            values.push(self.word(",)")?);
            self.spaces();
            if self.accept(")") {
                return Ok(values);
            }
            if !self.accept(",") {
                return Err(fault("expected , or )", self.at));
            }
        }
    }

    /// Up to a space or one of `stops`; quotes keep both.
    fn word(&mut self, stops: &str) -> Read<String> {
        let mut word = String::new();
        while let Some(c) = self.peek() {
            if c == '"' {
                self.quoted(&mut word)?;
            } else if c.is_whitespace() || stops.contains(c) {
                break;
            } else {
                word.push(c);
                self.at += 1;
            }
        }
        Ok(word)
    }

    fn quoted(&mut self, word: &mut String) -> Read<()> {
        let start = self.at;
        self.at += 1;
        while let Some(c) = self.next() {
            match c {
                '"' => return Ok(()),
                '\\' => word.extend(self.next()),
                other => word.push(other),
            }
        }
        Err(fault("this quote is not closed", start))
    }

    /// Where the key that begins at `from` ends: `from` where none does.
    fn key_end(&self, from: usize) -> usize {
        let rest = self.all.get(from..).unwrap_or_default();
        let length = rest.iter().take_while(|c| is_key_char(**c)).count();
        let key = rest.get(..length).unwrap_or_default();
        if !key.first().is_some_and(char::is_ascii_alphanumeric) {
            return from;
        }
        let last = key.iter().rposition(char::is_ascii_alphanumeric);
        last.map_or(from, |last| from + last + 1)
    }

    fn text(&self, from: usize, to: usize) -> String {
        self.all.get(from..to).unwrap_or_default().iter().collect()
    }

    fn peek(&self) -> Option<char> {
        self.all.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn accept(&mut self, text: &str) -> bool {
        let rest = self.all.get(self.at..).unwrap_or_default();
        let mut count = 0;
        let there = text.chars().all(|c| {
            count += 1;
            rest.get(count - 1) == Some(&c)
        });
        if there {
            self.at += count;
        }
        there
    }

    fn spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }
}

fn is_key_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._/-".contains(c)
}

fn is_key(text: &str) -> bool {
    let ends = [text.chars().next(), text.chars().next_back()];
    let sound = ends.iter().all(|c| c.is_some_and(|c| c.is_ascii_alphanumeric()));
    sound && text.chars().all(is_key_char)
}

const fn fault(message: &'static str, position: usize) -> FilterError {
    FilterError { message, position }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is(what: What, negated: bool) -> Term {
        Term::Is { what, negated }
    }

    fn text(text: &str) -> What {
        What::Text(text.to_owned())
    }

    fn labels<const N: usize>(all: [(&str, Condition); N]) -> Term {
        Term::Labels(all.map(|(key, is)| Requirement { key: key.to_owned(), is }).into())
    }

    fn one(value: &str) -> Condition {
        Condition::OneOf(vec![value.to_owned()])
    }

    #[test]
    fn every_form_of_the_contract_is_read() {
        let none =
            |values: &[&str]| Condition::NoneOf(values.iter().map(|it| (*it).to_owned()).collect());
        let cases: Vec<(&str, Vec<Term>)> = vec![
            ("", vec![]),
            ("  \t ", vec![]),
            ("tier=db", vec![labels([("tier", one("db"))])]),
            ("tier==db", vec![labels([("tier", one("db"))])]),
            ("tier!=db", vec![labels([("tier", none(&["db"]))])]),
            (
                "tier in (db, web)",
                vec![labels([("tier", Condition::OneOf(vec!["db".into(), "web".into()]))])],
            ),
            ("tier notin (db,web)", vec![labels([("tier", none(&["db", "web"]))])]),
            ("!tier", vec![labels([("tier", Condition::Absent)])]),
            ("label:tier", vec![labels([("tier", Condition::There)])]),
            ("!label:tier", vec![labels([("tier", Condition::Absent)])]),
            (
                "tier=db,release=stable",
                vec![labels([("tier", one("db")), ("release", one("stable"))])],
            ),
            (
                "!a,tier=db, !b",
                vec![labels([
                    ("a", Condition::Absent),
                    ("tier", one("db")),
                    ("b", Condition::Absent),
                ])],
            ),
            ("tier=", vec![labels([("tier", one(""))])]),
            ("tier=\"x y\"", vec![labels([("tier", one("x y"))])]),
            ("app/name=a=b", vec![labels([("app/name", one("a=b"))])]),
            ("name:app*svc", vec![is(What::Name(Glob::new("app*svc")), false)]),
            ("name:\"a,b\"", vec![is(What::Name(Glob::new("a,b")), false)]),
            ("!node:n1", vec![is(What::Node("n1".into()), true)]),
            (
                "proto:tcp port:8080",
                vec![is(What::Protocol("tcp".into()), false), is(What::Port(8080), false)],
            ),
            ("10.1.1.5", vec![is(What::Network("10.1.1.5".parse().unwrap()), false)]),
            ("fd00::5", vec![is(What::Network("fd00::5".parse().unwrap()), false)]),
            ("!10.1.0.0/16", vec![is(What::Network("10.1.0.0/16".parse().unwrap()), true)]),
            ("\"10.1.1.5\"", vec![is(text("10.1.1.5"), false)]),
            ("\"my service\"", vec![is(text("my service"), false)]),
            ("\"a\\\"b\\\\c\"", vec![is(text("a\"b\\c"), false)]),
            ("!\"Word\"", vec![is(text("word"), true)]),
            ("!ü", vec![is(text("ü"), true)]),
            ("in", vec![is(text("in"), false)]),
            ("tier in", vec![is(text("tier"), false), is(text("in"), false)]),
            ("10.1.1", vec![is(text("10.1.1"), false)]),
            ("10.1.1.0/33", vec![is(text("10.1.1.0/33"), false)]),
            ("a-", vec![is(text("a-"), false)]),
        ];
        for (filter, expected) in cases {
            assert_eq!(terms(filter), Ok(expected), "{filter}");
        }
    }

    #[test]
    fn faults_have_a_position_in_characters() {
        for (filter, position) in [
            ("\"open", 0),
            ("ü \"open", 2),
            ("name:", 5),
            ("port:x", 5),
            ("port:65536", 5),
            ("port:+1", 5),
            ("tier=db,", 8),
            ("tier=db, ü", 9),
            ("tier in (a", 10),
            ("tier in (a b)", 11),
            ("tier in (a)x", 11),
            ("!", 1),
            ("a !", 3),
        ] {
            assert_eq!(terms(filter).unwrap_err().position, position, "{filter}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_within_itself(filter in "\\PC{0,60}") {
            if let Err(error) = terms(&filter) {
                prop_assert!(error.position <= filter.chars().count());
            }
        }

        #[test]
        fn what_is_quoted_is_taken_as_it_is(value in "\\PC{0,30}") {
            let quoted = format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(terms(&quoted).unwrap(), [is(What::Text(value.to_lowercase()), false)]);
        }
    }
}
