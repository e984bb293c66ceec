//! Netplugin over HTTP, well and ill.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::time::Duration;

use svcflow_accounting::{Accounting, Limits};
use svcflow_lab::standin::contiv::{Shape, svcstats};
use svcflow_lab::standin::{Reply, StandIn};
use svcflow_model::{Counters, Edge, EdgeRow, Epoch, Protocol, Service};
use svcflow_source::contiv::answers;
use svcflow_source::{ContivSource, TrafficSource};

fn row(times: u64) -> EdgeRow {
    let edge = Edge {
        endpoint: [11, 1, 1, 2].into(),
        service: Some(Service { address: [100, 1, 1, 3].into(), port: 8080 }),
        provider: [10, 1, 1, 5].into(),
        provider_port: 80,
        protocol: Protocol::TCP,
    };
    let counters = Counters {
        bytes_in: 272 * times,
        bytes_out: 408 * times,
        packets_in: 4 * times,
        packets_out: 6 * times,
    };
    EdgeRow::new("n", &edge, &counters)
}

fn serving(times: u64, shape: Shape) -> impl Fn(&str) -> Reply + Send + Sync + 'static {
    move |target| match target {
        "/svcstats" => Reply::ok(svcstats(&[row(times)], shape)),
        _ => Reply::status(404, "404 page not found"),
    }
}

#[test]
fn ill_in_every_way_it_fails_aloud_and_its_successor_goes_on() {
    let server = StandIn::start(serving(1, Shape::Object)).unwrap();
    let source = ContivSource::new(&server.url()).unwrap();
    let mut accounting = Accounting::new(Epoch(1), Limits::default());
    let look =
        |accounting: &mut Accounting| source.clone().look(accounting).map_err(|it| it.chain());
    assert_eq!(look(&mut accounting), Ok(()));
    server.answer(serving(3, Shape::Array));
    assert_eq!(look(&mut accounting), Ok(()));
    type Ill = (fn(&str) -> Reply, &'static str);
    let ills: [Ill; 4] = [
        (|_| Reply::status(500, "oops"), "500"),
        (|_| Reply::ok("<html>"), "begins `<html>`"),
        (|_| Reply::ok("{\"11.1.1.2\":"), "EOF"),
        (|_| Reply::ok("[]").after(Duration::from_secs(7)), "is it running there?"),
    ];
    for (answer, expected) in ills {
        server.answer(answer);
        let error = look(&mut accounting).unwrap_err();
        assert!(error.contains(expected), "{expected} not in {error}");
    }
    server.answer(serving(7, Shape::Object));
    assert_eq!(look(&mut accounting), Ok(()));
    let counters: Vec<Counters> = accounting.edges().map(|sample| sample.counters).collect();
    assert_eq!(counters, [row(6).counters()], "all that came since the first look");
    assert!(accounting.losses().is_empty());
    drop(server);
    assert!(look(&mut accounting).unwrap_err().contains("is it running there?"));
}

#[test]
fn a_netplugin_is_told_from_what_else_may_answer() {
    let server = StandIn::start(serving(1, Shape::Array)).unwrap();
    assert!(answers(&server.url()));
    server.answer(|_| Reply::ok("<html>"));
    assert!(!answers(&server.url()));
    server.answer(|_| Reply::ok("{\"status\":\"ok\"}"));
    assert!(!answers(&server.url()));
    server.answer(|_| Reply::status(404, "no"));
    assert!(!answers(&server.url()));
    let url = server.url();
    drop(server);
    assert!(!answers(&url));
    assert!(ContivSource::new("netplugin:9090").is_err());
}
