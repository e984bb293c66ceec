//! Who says what: pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use svcflow_model::Timestamp;
use svcflow_topology::sources::{CONTIV, DOCKER, STATIC};
use svcflow_topology::{NamesDocument, OwnerKind, Record, SourceState, SourceStatus, Update, What};

use crate::scrape::RecordOf;

/// The sources that agents' words become, the first in precedence first: as on the agents themselves.
pub(super) const SOURCES: [&str; 4] = ["agents-static", "agents-contiv", "agents-docker", "agents"];
/// Those on the agents.
const THERE: [&str; 3] = [STATIC, CONTIV, DOCKER];
/// One Netmaster is asked by many agents: its identities are the cluster's.
const SHARED: usize = 1;
/// A source of which nothing new is told is told to be well this often.
const QUIET: i64 = 10_000_000_000;

/// An owner or a service that a source here names: source, kind, identity.
type Id = (usize, &'static str, String);

#[derive(Default)]
struct Agent {
    position: Option<RecordOf>,
    /// What it says there is.
    held: HashSet<Id>,
    /// What it said in its run before, and has not said in this one yet.
    unsaid: HashSet<Id>,
    /// What is wrong with its sources.
    faults: BTreeMap<usize, Vec<String>>,
    /// Sources that have said in this run all that they know.
    heard: [bool; SOURCES.len()],
}

pub(super) struct State {
    agents: HashMap<Arc<str>, Agent>,
    /// How many agents say so.
    holders: HashMap<Id, usize>,
    /// What the stored history says there is, and no agent has said since this start.
    unheard: HashSet<Id>,
    /// When each source was last told of.
    told: [i64; SOURCES.len()],
}

impl State {
    pub(super) fn new(known: &[Record]) -> Self {
        let open = known.iter().filter(|record| record.until.is_none());
        let unheard = open.filter_map(|record| {
            let source = SOURCES.iter().position(|name| *name == record.source)?;
            Some((source, record.kind(), record.identity().to_owned()))
        });
        Self {
            agents: HashMap::new(),
            holders: HashMap::new(),
            unheard: unheard.collect(),
            told: [i64::MIN; SOURCES.len()],
        }
    }

    pub(super) fn position(&self, agent: &str) -> Option<RecordOf> {
        self.agents.get(agent)?.position
    }

    pub(super) fn take(&mut self, key: &str, document: NamesDocument) -> Vec<(usize, Update)> {
        let NamesDocument { node, run, sequence, records, more, now, sources } = document;
        let mut agent = self.agents.remove(key).unwrap_or_default();
        if agent.position.is_none_or(|at| at.run != run) {
            agent.unsaid.extend(agent.held.iter().cloned());
            agent.heard = [false; SOURCES.len()];
        }
        agent.position = Some(RecordOf { run, sequence });
        let mut told: [Vec<Record>; SOURCES.len()] = Default::default();
        for record in records {
            let (source, record) = here(record, &node);
            if self.hears(&mut agent, source, &record)
                && let Some(told) = told.get_mut(source)
            {
                told.push(record);
            }
        }
        let mut ended = Vec::new();
        if !more {
            ended = self.conclude(&mut agent, &node, &sources);
            agent.faults = faults(&node, &sources, now);
        }
        self.agents.insert(key.into(), agent);
        let mut updates = self.told(told, now);
        updates.extend(ended.into_iter().map(|id| end(id, now)));
        updates
    }

    pub(super) fn left(&mut self, key: &str, at: Timestamp) -> Vec<(usize, Update)> {
        let Some(agent) = self.agents.remove(key) else { return Vec::new() };
        let gone = agent.held.into_iter().filter(|id| self.release(id));
        gone.collect::<Vec<_>>().into_iter().map(|id| end(id, at)).collect()
    }

    /// Notes a record; whether it says something new.
    fn hears(&mut self, agent: &mut Agent, source: usize, record: &Record) -> bool {
        let id = (source, record.kind(), record.identity().to_owned());
        agent.unsaid.remove(&id);
        self.unheard.remove(&id);
        if record.until.is_some() {
            // A tenure that ended where others know one that lasts: theirs is later, or ends when they say so.
            return if agent.held.remove(&id) {
                self.release(&id)
            } else {
                !self.holders.contains_key(&id)
            };
        }
        if agent.held.insert(id.clone()) {
            *self.holders.entry(id).or_default() += 1;
        }
        true
    }

    /// One agent less says so; whether it was the last.
    fn release(&mut self, id: &Id) -> bool {
        match self.holders.get_mut(id) {
            Some(holders) if *holders > 1 => {
                *holders -= 1;
                false
            }
            _ => {
                self.holders.remove(id);
                true
            }
        }
    }

    /// What is over, since a source that has said everything did not say it.
    fn conclude(&mut self, agent: &mut Agent, node: &str, sources: &[SourceStatus]) -> Vec<Id> {
        let mut ended = Vec::new();
        for (source, heard) in agent.heard.iter_mut().enumerate() {
            let (is_there, all_said) = said_all(source, sources);
            if *heard || !all_said {
                continue;
            }
            *heard = true;
            ended.extend(agent.unsaid.extract_if(|id| id.0 == source));
            // Without such a source an agent says nothing of what others share.
            if source != SHARED || is_there {
                let of_node = format!("{node}/");
                let mine =
                    |id: &Id| id.0 == source && (source == SHARED || id.2.starts_with(&of_node));
                ended.extend(self.unheard.extract_if(mine));
            }
        }
        ended.retain(|id| if agent.held.remove(id) { self.release(id) } else { true });
        ended.retain(|id| !self.holders.contains_key(id));
        ended
    }

    fn told(&mut self, told: [Vec<Record>; SOURCES.len()], now: Timestamp) -> Vec<(usize, Update)> {
        let mut updates = Vec::new();
        for (source, records) in told.into_iter().enumerate() {
            let Some(last) = self.told.get_mut(source) else { continue };
            let all = self.agents.values().filter_map(|agent| agent.faults.get(&source));
            let mut faults: Vec<String> = all.flatten().cloned().collect();
            faults.sort();
            let nothing = records.is_empty();
            let never = *last == i64::MIN && faults.is_empty();
            if nothing && (never || now.0.saturating_sub(*last) < QUIET) {
                continue;
            }
            *last = now.0;
            updates.push((source, Update::Told { at: now, records, faults }));
        }
        updates
    }
}

/// Whether an agent has such a source, and whether all that it has of it have said all that they know.
fn said_all(source: usize, sources: &[SourceStatus]) -> (bool, bool) {
    let mut of = sources.iter().filter(|status| place(&status.name) == source).peekable();
    let is_there = of.peek().is_some();
    (is_there, of.all(|status| matches!(status.state, SourceState::Ok { .. })))
}

fn place(source: &str) -> usize {
    THERE.iter().position(|name| *name == source).unwrap_or(THERE.len())
}

/// A record as it is told here: of one of our sources, with an identity that is the cluster's.
fn here(record: Record, node: &str) -> (usize, Record) {
    let source = place(&record.source);
    let identity = |of: &str| match source {
        SHARED => of.to_owned(),
        other if other < THERE.len() => format!("{node}/{of}"),
        _ => format!("{node}/{}/{of}", record.source),
    };
    let what = match record.what {
        What::Owner(owner) => {
            let mut owner = Arc::unwrap_or_clone(owner);
            owner.identity = identity(&owner.identity);
            // An engine's own containers live where its agent does.
            if record.source == DOCKER && owner.kind == OwnerKind::Container {
                owner.node.get_or_insert_with(|| node.to_owned());
            }
            What::Owner(Arc::new(owner))
        }
        What::Service(service) => {
            let mut service = Arc::unwrap_or_clone(service);
            service.identity = identity(&service.identity);
            What::Service(Arc::new(service))
        }
    };
    (source, Record { what, ..record })
}

fn faults(node: &str, sources: &[SourceStatus], now: Timestamp) -> BTreeMap<usize, Vec<String>> {
    let mut all = BTreeMap::<usize, Vec<String>>::new();
    for status in sources {
        if let Some(fault) = status.fault(now) {
            all.entry(place(&status.name)).or_default().push(format!("{node}: {fault}"));
        }
    }
    all
}

fn end((source, kind, identity): Id, at: Timestamp) -> (usize, Update) {
    let update = match kind {
        "owner" => Update::OwnerEnded { at, identity },
        _ => Update::ServiceEnded { at, identity },
    };
    (source, update)
}

#[cfg(test)]
mod tests {
    use svcflow_topology::Owner;

    use super::*;

    fn record(source: &str, identity: &str, from: i64, until: Option<i64>) -> Record {
        let owner = Owner {
            identity: identity.to_owned(),
            name: identity.to_owned(),
            kind: OwnerKind::Container,
            addresses: vec!["10.1.1.1".parse().unwrap()],
            labels: Default::default(),
            node: None,
            since: None,
        };
        Record {
            source: source.to_owned(),
            from: Timestamp(from),
            until: until.map(Timestamp),
            what: What::Owner(Arc::new(owner)),
        }
    }

    fn status(name: &str, well: bool) -> SourceStatus {
        let state = if well {
            SourceState::Ok { at: Timestamp(1) }
        } else {
            SourceState::Failed { error: "down".to_owned() }
        };
        SourceStatus {
            name: name.to_owned(),
            state,
            owners: 0,
            services: 0,
            refused: 0,
            faults: Vec::new(),
        }
    }

    /// An answer; sources whose name begins with `-` are down.
    fn said(node: &str, run: u64, sources: &[&str], records: Vec<Record>) -> NamesDocument {
        let status = |name: &&str| status(name.trim_start_matches('-'), !name.starts_with('-'));
        NamesDocument {
            node: node.to_owned(),
            run,
            sequence: 7,
            records,
            more: false,
            now: Timestamp(100),
            sources: sources.iter().map(status).collect(),
        }
    }

    /// What is told of identities: `+` began, `-` ended.
    fn told(updates: Vec<(usize, Update)>) -> Vec<String> {
        let mut all = Vec::new();
        for (source, update) in updates {
            let name = SOURCES[source];
            match update {
                Update::Told { records, .. } => all.extend(records.iter().map(|record| {
                    let sign = if record.until.is_some() { '-' } else { '+' };
                    format!("{sign}{name} {}", record.identity())
                })),
                Update::OwnerEnded { identity, .. } => all.push(format!("-{name} {identity}")),
                other => panic!("{other:?}"),
            }
        }
        all
    }

    #[test]
    fn what_agents_share_counts_once_and_the_rest_is_told_apart() {
        let mut state = State::new(&[]);
        let both = |node| {
            let records = vec![record("contiv", "ep", 1, None), record("docker", "c", 2, None)];
            said(node, 1, &["contiv", "docker"], records)
        };
        assert_eq!(told(state.take("a", both("n1"))), ["+agents-contiv ep", "+agents-docker n1/c"]);
        assert_eq!(state.position("a"), Some(RecordOf { run: 1, sequence: 7 }));
        assert_eq!(told(state.take("b", both("n2"))), ["+agents-contiv ep", "+agents-docker n2/c"]);
        let over = |node| said(node, 1, &["contiv"], vec![record("contiv", "ep", 1, Some(3))]);
        assert_eq!(told(state.take("a", over("n1"))), [""; 0], "the other still says so");
        assert_eq!(told(state.take("b", over("n2"))), ["-agents-contiv ep"]);
        assert_eq!(told(state.left("a", Timestamp(9))), ["-agents-docker n1/c"]);
    }

    #[test]
    fn a_new_run_ends_what_it_does_not_say_once_its_sources_have_spoken() {
        let mut state = State::new(&[]);
        let two = vec![record("docker", "a", 1, None), record("docker", "b", 1, None)];
        state.take("a", said("n1", 1, &["docker"], two));
        assert_eq!(told(state.take("a", said("n1", 2, &["-docker"], vec![]))), [""; 0]);
        let one = vec![record("docker", "b", 1, None)];
        let ended = told(state.take("a", said("n1", 2, &["docker"], one)));
        assert_eq!(ended, ["+agents-docker n1/b", "-agents-docker n1/a"]);
        assert_eq!(told(state.take("a", said("n1", 2, &["docker"], vec![]))), [""; 0]);
        assert_eq!(told(state.take("a", said("n1", 3, &[], vec![]))), ["-agents-docker n1/b"]);
    }

    #[test]
    fn what_ended_while_nobody_asked_ends_at_the_first_answer() {
        let known = [
            record("agents-docker", "n1/gone", 1, None),
            record("agents-docker", "n1/there", 1, None),
            record("agents-docker", "n2/there", 1, None),
            record("agents-contiv", "ep", 1, None),
            record("docker", "own", 1, None),
        ];
        let mut state = State::new(&known);
        let there = || vec![record("docker", "there", 1, None)];
        let ended = told(state.take("a", said("n1", 1, &["docker"], there())));
        assert_eq!(ended, ["+agents-docker n1/there", "-agents-docker n1/gone"]);
        let ended = told(state.take("b", said("n2", 1, &["docker", "contiv"], there())));
        assert_eq!(ended, ["+agents-docker n2/there", "-agents-contiv ep"]);
    }

    #[test]
    fn faults_of_agents_sources_are_told_with_their_node() {
        let mut state = State::new(&[]);
        let mut last = Vec::new();
        for now in [100, 101 + QUIET] {
            let answer =
                NamesDocument { now: Timestamp(now), ..said("n1", 1, &["-contiv"], vec![]) };
            last = state.take("a", answer);
        }
        let faults = last.into_iter().find_map(|(source, update)| match update {
            Update::Told { faults, .. } if source == SHARED => Some(faults),
            _ => None,
        });
        assert_eq!(faults.unwrap(), ["n1: no names from `contiv`: down"]);
    }
}
