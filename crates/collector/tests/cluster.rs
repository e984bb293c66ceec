//! Agents that stop, start, hang, lie and share names: totals right, others unaffected, state visible.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use support::{Cluster, Fault, Script, counters, edge, web};
use svcflow_collector::status::AgentState;
use svcflow_model::{LossKind, Relation, Timestamp};

const HERE: Relation = Relation::TranslatedHere;
const TRAFFIC: &str = "httpjson_svcstats";

#[tokio::test(start_paused = true)]
async fn samples_are_stored_at_whole_intervals_and_begin_at_zero() {
    let mut cluster = Cluster::new(1);
    cluster.start();
    let agent = cluster.agent(1);
    cluster.tick().await;
    agent.lock().unwrap().count(web(2), HERE, counters(1_000_000, 10_000));
    cluster.tick().await;
    agent.lock().unwrap().count(web(2), HERE, counters(500, 700));
    cluster.tick().await;
    cluster.tick().await;
    let rows = cluster.rows(TRAFFIC, "node-1", &web(2));
    assert_eq!(rows, [(10, 0, 0), (20, 1_000_000, 10_000), (30, 1_000_500, 10_700)]);
    let node = cluster.node("agent-1:4000");
    assert_eq!((node.state, node.node.as_deref()), (AgentState::Ok, Some("node-1")));
    assert_eq!((node.sequence, node.edges, node.gaps), (Some(4), 1, 0));
    assert!(node.lag_seconds.unwrap() < 10.0 && node.losses.is_empty(), "{node:?}");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_restarts_carries_on_and_the_gap_is_stated() {
    let mut cluster = Cluster::new(1);
    cluster.start();
    let agent = cluster.agent(1);
    for epoch in [1_u64, 2, 3] {
        agent.lock().unwrap().restart(epoch);
        for _ in 0..2 {
            agent.lock().unwrap().count(web(2), HERE, counters(1_000, 100));
            cluster.tick().await;
        }
    }
    assert_eq!(cluster.total("node-1", &web(2)), 6_000);
    let node = cluster.node("agent-1:4000");
    assert_eq!(node.losses["collector-epoch-changed"].count, 2);
    assert_eq!(node.gaps, 2);
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_follows_without_a_gap_is_no_loss() {
    let mut cluster = Cluster::new(1);
    cluster.start();
    let agent = cluster.agent(1);
    agent.lock().unwrap().count(web(2), HERE, counters(1_000, 100));
    cluster.tick().await;
    agent.lock().unwrap().restart(77);
    agent.lock().unwrap().follows = Some(1_000);
    agent.lock().unwrap().count(web(2), HERE, counters(50, 100));
    cluster.tick().await;
    assert_eq!(cluster.total("node-1", &web(2)), 1_050);
    assert!(cluster.node("agent-1:4000").losses.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_fetched_and_what_is_gone_is_stated() {
    let mut cluster = Cluster::new(1);
    cluster.start();
    let agent = cluster.agent(1);
    cluster.tick().await;
    let silent = async |ticks: u64| {
        agent.lock().unwrap().fault = Fault::Refuses;
        for n in 0..ticks {
            agent.lock().unwrap().count(web(2), HERE, counters(100 + n, 10));
            cluster.tick().await;
        }
        let seen = cluster.state(1);
        agent.lock().unwrap().fault = Fault::None;
        seen
    };
    assert_eq!(silent(3).await, AgentState::Unreachable);
    cluster.tick().await;
    let rows = cluster.rows(TRAFFIC, "node-1", &web(2));
    assert_eq!(rows, [(10, 0, 0), (20, 100, 10), (30, 201, 20), (40, 303, 30)], "each interval");
    assert_eq!(cluster.state(1), AgentState::Ok);

    silent(3).await;
    agent.lock().unwrap().merged = 7;
    cluster.tick().await;
    assert_eq!(cluster.total("node-1", &web(2)), 606, "no byte is lost");
    let node = cluster.node("agent-1:4000");
    assert_eq!(node.losses["collector-intervals-merged"].count, 1);
    assert!(node.last_gap.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_hanging_a_slow_and_a_babbling_agent_delay_nobody() {
    let mut cluster = Cluster::new(400);
    for n in 1..=300 {
        cluster.agent(n).lock().unwrap().fault = Fault::Hangs;
    }
    cluster.agent(301).lock().unwrap().fault = Fault::Slow(Duration::from_secs(3));
    cluster.agent(302).lock().unwrap().fault = Fault::Garbage;
    cluster.start();
    for _ in 0..6 {
        for n in 301..=400 {
            cluster.agent(n).lock().unwrap().count(web(2), HERE, counters(100, 10));
        }
        cluster.tick().await;
    }
    for n in 303..=400 {
        let rows = cluster.rows(TRAFFIC, &format!("node-{n}"), &web(2));
        let last: Vec<_> = rows.iter().rev().take(4).collect();
        assert_eq!(last, [&(60, 600, 60), &(50, 500, 50), &(40, 400, 40), &(30, 300, 30)], "{n}");
    }
    assert_eq!(cluster.total("node-301", &web(2)), 600, "slow, but in time");
    assert_eq!(cluster.state(301), AgentState::Ok);
    assert_eq!(cluster.state(302), AgentState::Faulty);
    assert_eq!(cluster.state(1), AgentState::Unreachable);
    let nodes = cluster.collector.as_ref().unwrap().nodes();
    assert!(nodes.nodes[1].reason.as_ref().unwrap().contains("did not answer within 4s"));
    // And they come back.
    cluster.agent(1).lock().unwrap().fault = Fault::None;
    cluster.agent(1).lock().unwrap().count(web(9), HERE, counters(5, 5));
    cluster.tick().await;
    assert_eq!((cluster.state(1), cluster.total("node-1", &web(9))), (AgentState::Ok, 5));
}

#[tokio::test(start_paused = true)]
async fn a_clock_ten_minutes_off_changes_no_total_and_no_time() {
    let mut cluster = Cluster::new(2);
    cluster.agent(1).lock().unwrap().ahead = Duration::from_secs(600);
    cluster.start();
    for _ in 0..3 {
        for n in 1..=2 {
            cluster.agent(n).lock().unwrap().count(web(2), HERE, counters(100, 10));
        }
        cluster.tick().await;
    }
    for node in ["node-1", "node-2"] {
        let rows = cluster.rows(TRAFFIC, node, &web(2));
        assert_eq!(rows, [(10, 100, 10), (20, 200, 20), (30, 300, 30)], "{node}");
    }
    let node = cluster.node("agent-1:4000");
    assert!((node.clock_skew_seconds.unwrap() - 600.0).abs() < 0.01);
    assert!((node.clock_correction_seconds - 600.0).abs() < 0.01);
    // Set right in the middle of it all.
    cluster.agent(1).lock().unwrap().ahead = Duration::ZERO;
    cluster.agent(1).lock().unwrap().count(web(2), HERE, counters(100, 10));
    cluster.tick().await;
    assert_eq!(cluster.rows(TRAFFIC, "node-1", &web(2)).last(), Some(&(40, 400, 40)));
}

#[tokio::test(start_paused = true)]
async fn two_that_claim_one_name_are_not_mixed() {
    let mut cluster = Cluster::new(2);
    let other = cluster.add("other:4000", Script::new("node-1", 99));
    cluster.start();
    let run = async |ticks: u64| {
        for _ in 0..ticks {
            cluster.agent(1).lock().unwrap().count(web(2), HERE, counters(100, 10));
            cluster.agent(2).lock().unwrap().count(web(2), HERE, counters(100, 10));
            other.lock().unwrap().count(web(2), HERE, counters(1_000_000, 10));
            cluster.tick().await;
        }
    };
    run(3).await;
    let (a, b) = (cluster.state(1), cluster.node("other:4000").state);
    let total = cluster.total("node-1", &web(2));
    match (a, b) {
        (AgentState::Ok, AgentState::Duplicate) => assert_eq!(total, 300),
        (AgentState::Duplicate, AgentState::Ok) => assert_eq!(total, 3_000_000),
        states => unreachable!("{states:?}"),
    }
    assert_eq!(cluster.total("node-2", &web(2)), 300, "others are unaffected");
    let duplicate = cluster.collector.as_ref().unwrap().nodes().nodes.into_iter();
    let reason = duplicate.filter(|n| n.state == AgentState::Duplicate).map(|n| n.reason.unwrap());
    assert!(reason.collect::<Vec<_>>()[0].contains("it says it is node-1, and so does"));
}

#[tokio::test(start_paused = true)]
async fn one_address_that_leads_to_two_agents_in_turns_is_found_out() {
    let mut cluster = Cluster::new(1);
    cluster.start();
    let agent = cluster.agent(1);
    let mut other = Script::new("node-1", 4_711);
    for round in 0..6 {
        agent.lock().unwrap().count(web(2), HERE, counters(100, 10));
        cluster.tick().await;
        if round > 0 {
            std::mem::swap(&mut *agent.lock().unwrap(), &mut other);
        }
    }
    // The first agent's epoch was left when the second's came: it is heard no more.
    let node = cluster.node("agent-1:4000");
    assert!(node.failures > 0, "{node:?}");
    let total = cluster.total("node-1", &web(2));
    assert!((200..=600).contains(&total), "nothing is added twice: {total}");
}

#[tokio::test(start_paused = true)]
async fn the_store_fails_and_nothing_is_lost() {
    let mut cluster = Cluster::new(1);
    cluster.start();
    let agent = cluster.agent(1);
    cluster.tick().await;
    cluster.history.broken.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        agent.lock().unwrap().count(web(2), HERE, counters(100, 10));
        cluster.tick().await;
    }
    assert_eq!(cluster.state(1), AgentState::Late);
    let reason = cluster.node("agent-1:4000").reason.unwrap();
    assert!(reason.contains("waits for the store: the disk is full"), "{reason}");
    cluster.history.broken.store(false, Ordering::SeqCst);
    for _ in 0..3 {
        cluster.tick().await;
    }
    let rows = cluster.rows(TRAFFIC, "node-1", &web(2));
    assert_eq!(rows, [(10, 0, 0), (20, 100, 10), (30, 200, 20), (40, 300, 30)]);
}

#[tokio::test(start_paused = true)]
async fn a_killed_collector_goes_on_from_the_store() {
    let mut cluster = Cluster::new(2);
    let agent = cluster.agent(1);
    for life in 0..4 {
        cluster.start();
        for _ in 0..2 {
            agent.lock().unwrap().count(web(2), HERE, counters(100, 10));
            cluster.tick().await;
        }
        cluster.crash().await;
        // It counts on while nobody asks; once, it also restarts.
        agent.lock().unwrap().count(web(2), HERE, counters(1_000, 10));
        cluster.tick().await;
        if life == 1 {
            agent.lock().unwrap().restart(5);
        }
    }
    cluster.start();
    cluster.tick().await;
    assert_eq!(cluster.total("node-1", &web(2)), 4_800 - 1_000, "but for the one interval unseen");
    assert_eq!(cluster.node("agent-1:4000").losses["collector-epoch-changed"].count, 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_a_name_still_belongs_to_who_held_it() {
    let mut cluster = Cluster::new(1);
    cluster.start();
    let agent = cluster.agent(1);
    agent.lock().unwrap().count(web(2), HERE, counters(100, 10));
    cluster.tick().await;
    cluster.crash().await;
    let other = cluster.add("a-first:4000", Script::new("node-1", 99));
    other.lock().unwrap().count(web(2), HERE, counters(1_000_000, 10));
    cluster.start();
    for _ in 0..5 {
        agent.lock().unwrap().count(web(2), HERE, counters(100, 10));
        cluster.tick().await;
    }
    assert_eq!(cluster.node("a-first:4000").state, AgentState::Duplicate);
    assert_eq!(cluster.total("node-1", &web(2)), 600);
}

/// Case 3: client on node 1, translated by node 2, provider on node 3; and an outsider.
#[tokio::test(start_paused = true)]
async fn one_connection_that_three_nodes_see_is_counted_once() {
    let mut cluster = Cluster::new(3);
    cluster.agent(1).lock().unwrap().lives = vec!["11.1.1.0/24".to_owned()];
    cluster.agent(3).lock().unwrap().lives = vec!["10.1.1.0/24".to_owned()];
    cluster.start();
    let before = edge("11.1.1.2", None, "100.1.1.3:8080");
    let after = edge("11.1.1.2", None, "10.1.1.5:80");
    let outside = edge("8.8.8.8", None, "10.1.1.5:80");
    for _ in 0..3 {
        let more = counters(1_000, 100);
        cluster.agent(1).lock().unwrap().count(before, Relation::ClientNode, more);
        cluster.agent(2).lock().unwrap().count(web(2), HERE, more);
        cluster.agent(3).lock().unwrap().count(after, Relation::ProviderNode, more);
        cluster.agent(3).lock().unwrap().count(outside, Relation::ProviderNode, more);
        cluster.tick().await;
    }
    assert_eq!(cluster.total("node-2", &web(2)), 3_000);
    assert_eq!(cluster.total("node-3", &outside), 3_000);
    assert!(cluster.rows(TRAFFIC, "node-1", &before).is_empty());
    assert!(cluster.rows(TRAFFIC, "node-3", &after).is_empty());
    let apart = |node: &str, edge| cluster.rows("svcflow_apart", node, edge).last().copied();
    assert_eq!(apart("node-1", &before), Some((30, 3_000, 300)), "kept, but apart");
    assert_eq!(apart("node-3", &after), Some((30, 3_000, 300)));
    assert_eq!(cluster.node("agent-1:4000").samples_apart, 3);
}

#[tokio::test(start_paused = true)]
async fn agents_losses_are_kept_over_their_epochs() {
    let mut cluster = Cluster::new(1);
    cluster.start();
    let agent = cluster.agent(1);
    let lose = |count| {
        agent.lock().unwrap().losses.record(LossKind::SetFull, count, 9, Timestamp(0));
    };
    lose(5);
    cluster.tick().await;
    cluster.tick().await;
    agent.lock().unwrap().restart(9);
    agent.lock().unwrap().losses = Default::default();
    lose(2);
    cluster.tick().await;
    assert_eq!(cluster.node("agent-1:4000").losses["set-full"].count, 7);
    cluster.crash().await;
    cluster.start();
    lose(1);
    cluster.tick().await;
    assert_eq!(cluster.node("agent-1:4000").losses["set-full"].count, 8);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_agents_fit_into_an_interval() {
    let mut cluster = Cluster::new(1_000);
    cluster.start();
    cluster.tick().await;
    let nodes = cluster.collector.as_ref().unwrap().nodes();
    let ok = nodes.nodes.iter().filter(|node| node.state == AgentState::Ok).count();
    assert_eq!(ok, 1_000);
    let metrics = cluster.collector.as_ref().unwrap().metrics();
    assert!(metrics.contains("svcflow_agents{state=\"ok\"} 1000\n"), "{metrics}");
}
