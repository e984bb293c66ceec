//! Properties of intervals: whatever is told in whatever order, nobody's word touches another's time.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod support;

use proptest::prelude::*;
use support::{at, one_source, owner, owners, who};
use svcflow_model::Timestamp;
use svcflow_topology::{Journal, Limits, Owner, Snapshot, Topology, Update, history};

const ADDRESSES: [&str; 3] = ["10.1.1.1", "10.1.1.2", "10.1.1.3"];
const TIMES: std::ops::Range<i64> = 0..40;

type Seen = Vec<Option<String>>;

/// Who has each address at each instant.
fn all(snapshot: &Snapshot) -> Seen {
    let each = |address: &'static str| TIMES.map(move |time| (address, time));
    ADDRESSES.iter().flat_map(|it| each(it)).map(|(it, time)| who(snapshot, it, at(time))).collect()
}

/// `(identity, when)` of an end, for those words that are one.
fn ended(word: &Update) -> Option<(&str, Timestamp)> {
    match word {
        Update::OwnerEnded { at, identity } => Some((identity, *at)),
        _ => None,
    }
}

fn someone() -> impl Strategy<Value = Owner> {
    let addresses = proptest::sample::subsequence(ADDRESSES.to_vec(), 0..=2);
    let since = proptest::option::of(TIMES.prop_map(at));
    (0..4_u8, addresses, since, 0..3_u8).prop_map(|(id, addresses, since, name)| Owner {
        since,
        name: format!("name-{name}"),
        ..owner(&format!("id-{id}"), &addresses)
    })
}

fn word() -> impl Strategy<Value = Update> {
    let time = || TIMES.prop_map(at);
    prop_oneof![
        3 => (time(), someone()).prop_map(|(at, owner)| Update::Owner { at, owner }),
        2 => (time(), 0..4_u8).prop_map(|(at, id)| Update::OwnerEnded { at, identity: format!("id-{id}") }),
        1 => (time(), proptest::collection::vec(someone(), 0..4))
            .prop_map(|(at, all)| Update::Listed { at, facts: owners(all) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn an_end_takes_time_from_nobody_else(words in proptest::collection::vec(word(), 1..40)) {
        let (mut topology, source) = one_source();
        for word in words {
            let before = all(&topology.snapshot());
            topology.apply(source, word.clone());
            let Some((identity, when)) = ended(&word) else { continue };
            let after = all(&topology.snapshot());
            let times = ADDRESSES.iter().flat_map(|_| TIMES.map(at));
            for ((old, new), time) in before.into_iter().zip(after).zip(times) {
                let is_its_own = old.as_deref() == Some(identity) && time >= when && new.is_none();
                prop_assert!(old == new || is_its_own, "{old:?} became {new:?} by {word:?}");
            }
        }
    }

    #[test]
    fn the_stored_history_says_the_same(words in proptest::collection::vec(word(), 1..40)) {
        let (mut topology, source) = one_source();
        let mut records = Vec::new();
        for word in words {
            topology.apply(source, word);
            records.extend(topology.take_records());
        }
        let mut restored = Topology::new(Limits::default());
        let _ = restored.add_source("docker").unwrap();
        prop_assert_eq!(restored.restore(history::latest(records), at(100)), 0);
        prop_assert_eq!(all(&restored.snapshot()), all(&topology.snapshot()));
    }

    /// What an agent tells a server, in whichever parts it is asked for, and twice: the same intervals.
    #[test]
    fn a_journal_told_in_parts_says_the_same(
        words in proptest::collection::vec(word(), 1..40),
        asked in proptest::collection::vec(any::<bool>(), 40),
        again in any::<bool>(),
    ) {
        let (mut there, source) = one_source();
        let (mut here, told) = one_source();
        let journal = Journal::default();
        let mut last = 0;
        for (n, word) in words.into_iter().enumerate() {
            there.apply(source, word);
            journal.note(there.take_records());
            if asked[n] {
                let page = journal.after(last);
                last = page.sequence;
                here.apply(told, Update::Told { at: at(50), records: page.records, faults: Vec::new() });
            }
        }
        let rest = journal.after(if again { 0 } else { last }).records;
        here.apply(told, Update::Told { at: at(50), records: rest, faults: Vec::new() });
        prop_assert_eq!(all(&here.snapshot()), all(&there.snapshot()));
    }

    /// Lives that follow each other at one address, told in any order (of one life the beginning first).
    #[test]
    fn the_order_of_words_does_not_matter(
        gaps in proptest::collection::vec((1..4_i64, 1..4_i64), 1..6),
        keys in proptest::collection::vec(any::<u32>(), 12),
    ) {
        let mut time = 0;
        let mut words = Vec::new();
        let mut truth: Vec<Option<String>> = vec![None; 40];
        for (n, (gap, length)) in gaps.into_iter().enumerate() {
            let (from, until) = (time + gap, time + gap + length);
            time = until;
            let identity = format!("life-{n}");
            let it = Owner { since: Some(at(from)), ..owner(&identity, &["10.1.1.1"]) };
            let (first, second) = (keys[2 * n].min(keys[2 * n + 1]), keys[2 * n].max(keys[2 * n + 1]));
            words.push((first, 0, Update::Owner { at: at(from), owner: it }));
            words.push((second, 1, Update::OwnerEnded { at: at(until), identity: identity.clone() }));
            for instant in from..until {
                truth[usize::try_from(instant).unwrap()] = Some(identity.clone());
            }
        }
        words.sort_by_key(|(key, end, _)| (*key, *end));
        let (mut topology, source) = one_source();
        for (_, _, word) in words {
            topology.apply(source, word);
        }
        let snapshot = topology.snapshot();
        let seen: Vec<_> = TIMES.map(|time| who(&snapshot, "10.1.1.1", at(time))).collect();
        prop_assert_eq!(seen, truth);
    }
}
