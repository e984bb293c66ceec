//! Two nodes see one connection (cases.md 2, 3, 4 and 13): the one that translates names the service, the
//! other sees a direct edge of the same traffic, and neither invents the other's view.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod support;

use support::{Watched, permitted};
use svcflow_lab::{Lifetime, Plan, Target, Topology, Transfer};
use svcflow_model::{EdgeRow, Protocol};

#[test]
fn only_the_translating_node_names_the_service() {
    if !permitted() {
        return;
    }
    // Watched is the first node, where the providers live; the second translates for its own clients.
    let mut watched = Watched::build(Topology::demo().with_second_node());
    let mut far = watched.second_node();
    let transfer = |client: &str, protocol| Transfer {
        client: client.parse().unwrap(),
        target: Target::Service("default:app-svc".to_owned()),
        protocol,
        bytes_out: 10_000,
        bytes_in: 200_000,
        connections: 5,
        lifetime: Lifetime::Short,
        datagram: 1_000,
    };
    let transfers = vec![
        transfer("11.1.2.1", Protocol::TCP),
        transfer("11.1.2.2", Protocol::UDP),
        transfer("11.1.1.1", Protocol::TCP),
    ];
    let outcome = watched.lab.run(&Plan { transfers }).unwrap();
    let names: Vec<String> = watched.lab.nodes().iter().map(|node| node.name.clone()).collect();
    let of = |name: &str| -> Vec<EdgeRow> {
        let mut rows = outcome.expected.clone();
        rows.retain(|row| row.node == name);
        rows.sort();
        rows
    };
    assert!(!of(&names[0]).is_empty() && !of(&names[1]).is_empty());
    assert!(outcome.expected.iter().all(|row| row.service.is_some()));

    far.look();
    assert_eq!(far.rows(&names[1]), of(&names[1]), "the client's node translates");

    // On the providers' node the same traffic is a direct edge: same ends, same counts, no service.
    let mut expected = of(&names[0]);
    let direct =
        |row: EdgeRow| EdgeRow { node: names[0].clone(), service: None, service_port: None, ..row };
    expected.extend(of(&names[1]).into_iter().map(direct));
    watched.look_and_compare(&expected, "the providers' node");
}
