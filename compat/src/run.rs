//! Running scenarios against two servers.

use std::fmt;

use serde_json::Value;

use crate::{
    Answer, Check, Client, Compare, Difference, Error, Now, Recorded, Request, Result, Scenario,
    Step, compare,
};

/// Whose answers are right.
#[derive(Debug, Clone, Copy)]
pub enum Reference<'a> {
    /// A running `influxd`, by its base URL.
    Running(&'a str),
    /// Its recorded answers to this scenario.
    Recorded(&'a Recorded),
}

/// A step whose answers differ.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The scenario's name.
    pub scenario: String,
    /// The query or the request.
    pub step: String,
    /// The first difference.
    pub difference: Difference,
}

/// What is compared with the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A running svcflow, by its base URL.
    Svcflow(&'a str),
    /// Another `influxd`, which shows what is not stable in a scenario. It makes no exceptions.
    Influxd(&'a str),
}

impl<'a> Subject<'a> {
    /// The base URL of either.
    pub fn base(self) -> &'a str {
        let (Subject::Svcflow(base) | Subject::Influxd(base)) = self;
        base
    }
}

/// What a run found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How many requests were compared.
    pub steps: usize,
    /// How many of them are queries.
    pub queries: usize,
    /// How many may differ, with their reasons.
    pub exceptions: Vec<(String, String)>,
    /// Those that differ and may not.
    pub failures: Vec<Failure>,
}

/// In a scenario that speaks of the present, a time bucket may begin between the two servers' answers: then the
/// step is asked again.
const TRIES: usize = 3;

/// Sends every step to both sides, and tells what differs. Both servers lose all their databases first.
///
/// # Errors
/// Fails where a server gives no answer at all, or the reference's answer is not what the scenario expects.
pub fn run(
    client: &Client,
    scenario: &Scenario,
    reference: Reference<'_>,
    subject: Subject<'_>,
) -> Result<Report> {
    let steps = scenario.steps(Now::system())?;
    clear(client, subject.base())?;
    if let Reference::Running(base) = reference {
        clear(client, base)?;
    }
    let mut report = Report::default();
    for (index, step) in steps.iter().enumerate() {
        let mut found = None;
        for _ in 0..if scenario.live { TRIES } else { 1 } {
            let right = match reference {
                Reference::Running(base) => client.send(base, &step.request)?,
                Reference::Recorded(recorded) => recorded.answer(index, step)?.clone(),
            };
            expect(scenario, index, step, &right)?;
            found = match client.send(subject.base(), &step.request) {
                Ok(answer) => judge(&right, &answer, &step.check, subject),
                // A connection cut short is the subject's fault, and the other steps are still of interest.
                Err(error @ Error::Http { .. }) => Some(no_answer(&right, &error)),
                Err(error) => return Err(error),
            };
            if found.is_none() {
                break;
            }
        }
        report.count(scenario, step, found);
    }
    Ok(report)
}

fn no_answer(right: &Answer, error: &Error) -> Difference {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let reference = format!("{} {}", right.status, right.body.trim_end());
    Difference { path: "answer".to_owned(), reference, subject: format!("{error}: {source}") }
}

/// Compares two answers as the step asks. Where they may differ, svcflow's must still be what the exception says.
fn judge(
    right: &Answer,
    answer: &Answer,
    check: &Check,
    subject: Subject<'_>,
) -> Option<Difference> {
    let Some(exception) = &check.exception else { return compare(right, answer, check) };
    if matches!(subject, Subject::Influxd(_)) {
        return None;
    }
    if exception.status.is_none() && exception.body.is_none() && check.compare != Compare::Exact {
        return compare(right, answer, check);
    }
    let body = exception.body.as_deref().unwrap_or_default();
    // Whatever may differ, it is no fault of the server.
    let status = exception.status.map_or(answer.status < 500, |status| answer.status == status);
    (!status || !answer.body.contains(body)).then(|| Difference {
        path: "exception".to_owned(),
        reference: format!("not asked; svcflow should say {:?} {body}", exception.status),
        subject: format!("{} {}", answer.status, answer.body.trim_end()),
    })
}

fn expect(scenario: &Scenario, index: usize, step: &Step, right: &Answer) -> Result<()> {
    match step.check.status {
        Some(status) if status != right.status => Err(Error::Scenario {
            path: scenario.path.clone(),
            step: index + 1,
            fault: format!(
                "the reference answers {} instead of {status} to {}: {}",
                right.status, step.label, right.body
            ),
        }),
        _ => Ok(()),
    }
}

/// Drops every database, so that each scenario starts from nothing.
fn clear(client: &Client, base: &str) -> Result<()> {
    for name in databases(client, base)? {
        let q = format!("DROP DATABASE \"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
        client.send(base, &Request::form("/query", &[("q", q)]))?;
    }
    Ok(())
}

/// Makes sure that a run, which drops every database, destroys nothing.
///
/// # Errors
/// Fails where the server has databases, or doesn't answer.
pub fn must_be_empty(client: &Client, base: &str) -> Result<()> {
    let names = databases(client, base)?;
    if names.is_empty() {
        return Ok(());
    }
    Err(Error::NotEmpty { url: base.to_owned(), names: names.join(", ") })
}

/// Every step's answer from one server, which loses all its databases first.
///
/// # Errors
/// Fails where the server gives no answer, or not what the scenario expects of the reference.
pub fn answers(client: &Client, scenario: &Scenario, base: &str) -> Result<Vec<(Step, Answer)>> {
    clear(client, base)?;
    let mut answers = Vec::new();
    for (index, step) in scenario.steps(Now::system())?.into_iter().enumerate() {
        let answer = client.send(base, &step.request)?;
        expect(scenario, index, &step, &answer)?;
        answers.push((step, answer));
    }
    Ok(answers)
}

/// The databases that a server has.
fn databases(client: &Client, base: &str) -> Result<Vec<String>> {
    let answer =
        client.send(base, &Request::get("/query", &[("q", "SHOW DATABASES".to_owned())]))?;
    let value: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let rows = value.pointer("/results/0/series/0/values").and_then(Value::as_array);
    let name = |row: &Value| Some(row.get(0)?.as_str()?.to_owned());
    Ok(rows.into_iter().flatten().filter_map(name).collect())
}

impl Report {
    fn count(&mut self, scenario: &Scenario, step: &Step, found: Option<Difference>) {
        self.steps += 1;
        self.queries += usize::from(step.request.target.starts_with("/query"));
        if let Some(exception) = &step.check.exception {
            self.exceptions.push((step.label.clone(), exception.why.clone()));
        }
        self.failures.extend(found.map(|difference| Failure {
            scenario: scenario.name.clone(),
            step: step.label.clone(),
            difference,
        }));
    }

    /// The counts, in a line.
    pub fn summary(&self) -> String {
        format!(
            "{} requests compared, {} of them queries: {} differ, {} named exceptions",
            self.steps,
            self.queries,
            self.failures.len(),
            self.exceptions.len()
        )
    }

    /// Adds what another scenario's run found.
    pub fn add(&mut self, other: Report) {
        self.steps += other.steps;
        self.queries += other.queries;
        self.exceptions.extend(other.exceptions);
        self.failures.extend(other.failures);
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  differs at {}", self.scenario, self.step, self.difference)
    }
}
