//! Every scenario against svcflow, beside the real InfluxDB 1.6.7 or, without one, beside its recorded answers.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::BTreeSet;

use svcflow_compat::{
    Client, Failure, Program, Recorded, Reference, Report, Scenario, Server, Subject, folder, run,
};

/// How many of all steps may differ from InfluxDB, with a named reason. In per cent.
const EXCEPTIONS: usize = 2;

fn scenarios() -> Vec<Scenario> {
    Scenario::read_all(&folder("scenarios")).unwrap()
}

/// The real server, or none where that is allowed.
fn influxd() -> Option<Server> {
    let program = Program::influxd();
    assert!(
        program.is_some() || std::env::var_os("CI").is_none(),
        "CI must compare with the real influxd"
    );
    program.map(|program| program.start().unwrap())
}

/// Runs all scenarios against `subject`, beside `influxd` or its recorded answers.
fn compare_all(subject: Subject<'_>, influxd: Option<&Server>) -> Report {
    let client = Client::default();
    let mut total = Report::default();
    for scenario in scenarios() {
        let recorded = Recorded::read(&folder("recorded"), &scenario).unwrap();
        let reference = match (influxd, &recorded) {
            (Some(server), _) => Reference::Running(server.base()),
            (None, Some(recorded)) => Reference::Recorded(recorded),
            (None, None) => {
                eprintln!(
                    "skipped: {} needs a running influxd: run scripts/servers",
                    scenario.name
                );
                continue;
            }
        };
        total.add(run(&client, &scenario, reference, subject).unwrap());
    }
    eprintln!("{}", total.summary());
    total
}

/// What differs and is still to be mended: `pending.tsv`, a scenario's name and a step a line. It only gets
/// shorter: what is on it and no longer differs fails too.
fn pending() -> BTreeSet<(String, String)> {
    let text = std::fs::read_to_string(folder("pending.tsv")).unwrap();
    let line = |line: &str| line.split_once('\t').map(|(name, step)| (name.into(), step.into()));
    text.lines().map(|it| line(it).unwrap()).collect()
}

fn must_be_equal(report: &Report, pending: &BTreeSet<(String, String)>) {
    let key = |failure: &Failure| (failure.scenario.clone(), failure.step.replace('\n', " "));
    let differing: BTreeSet<_> = report.failures.iter().map(key).collect();
    for failure in report.failures.iter().filter(|failure| !pending.contains(&key(failure))) {
        eprintln!("{failure}\n");
    }
    eprintln!("{} of them are known and still to be mended (pending.tsv)", pending.len());
    assert!(differing.is_subset(pending), "{}", report.summary());
    let mended: Vec<_> = pending.difference(&differing).collect();
    assert!(mended.is_empty(), "no longer differs, take it off pending.tsv: {mended:?}");
    assert!(report.exceptions.len() * 100 < report.steps * EXCEPTIONS, "{}", report.summary());
    assert!(report.queries >= 300, "{}", report.summary());
}

#[test]
fn svcflow_answers_as_influxdb_does() {
    let influxd = influxd();
    if influxd.is_none() {
        eprintln!(
            "no influxd here: comparing with recorded answers (scripts/servers unpacks the real one)"
        );
    }
    let svcflow = Program::svcflow().unwrap().start().unwrap();
    must_be_equal(&compare_all(Subject::Svcflow(svcflow.base()), influxd.as_ref()), &pending());
}

/// Whoever changes a scenario records it again, and no scenario hangs on chance.
#[test]
fn recorded_answers_are_those_of_influxdb() {
    let Some(influxd) = influxd() else {
        eprintln!("skipped: no influxd to check the recorded answers with: run scripts/servers");
        return;
    };
    must_be_equal(&compare_all(Subject::Influxd(influxd.base()), None), &BTreeSet::new());
}
