//! What InfluxDB's parser takes, svcflow's takes; what it refuses, svcflow's refuses. From recorded answers alone.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use svcflow_compat::{Answer, Now, Recorded, Scenario, folder};

/// InfluxDB refuses with 400 what it can't parse, and with 200 what it can't run. Names of time zones it looks up while
/// it parses; svcflow does so later, and answers with 400 all the same.
fn refused(answer: &Answer) -> bool {
    let zone = answer.body.contains("unable to find time zone");
    answer.status == 400 && answer.body.contains("error parsing query") && !zone
}

#[test]
fn svcflow_parses_what_influxdb_parses() {
    let (mut queries, mut differing) = (0, Vec::new());
    for scenario in Scenario::read_all(&folder("scenarios")).unwrap() {
        let Some(recorded) = Recorded::read(&folder("recorded"), &scenario).unwrap() else {
            continue;
        };
        for (index, step) in scenario.steps(Now::system()).unwrap().iter().enumerate() {
            let Some(q) = step.q.as_ref().filter(|_| step.check.exception.is_none()) else {
                continue;
            };
            let answer = recorded.answer(index, step).unwrap();
            queries += 1;
            match svcflow_influxql::parse(q) {
                Ok(_) if refused(answer) => {
                    differing.push(format!("{q}\n    influxd: {}", answer.body.trim()))
                }
                Err(error) if !refused(answer) && answer.status == 200 => {
                    differing.push(format!("{q}\n    svcflow: {error}"));
                }
                _ => {}
            }
        }
    }
    differing.sort();
    differing.dedup();
    let count = differing.len();
    assert!(differing.is_empty(), "{count} of {queries} queries:\n{}", differing.join("\n"));
    assert!(queries > 300, "{queries}");
}
