//! Every scenario against svcflow, beside the real InfluxDB 1.6.7 or, without one, beside its recorded answers.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use svcflow_compat::{
    Client, Program, Recorded, Reference, Report, Scenario, Server, Subject, folder, run,
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

fn must_be_equal(report: &Report) {
    for failure in &report.failures {
        eprintln!("{failure}\n");
    }
    assert!(report.failures.is_empty(), "{}", report.summary());
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
    must_be_equal(&compare_all(Subject::Svcflow(svcflow.base()), influxd.as_ref()));
}

/// Whoever changes a scenario records it again, and no scenario hangs on chance.
#[test]
fn recorded_answers_are_those_of_influxdb() {
    let Some(influxd) = influxd() else {
        eprintln!("skipped: no influxd to check the recorded answers with: run scripts/servers");
        return;
    };
    must_be_equal(&compare_all(Subject::Influxd(influxd.base()), None));
}
