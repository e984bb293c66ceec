//! Whose the outgoing traffic is.
//!
//! Netplugin counts what an endpoint sends to a service in one row, whoever the providers are. While one
//! provider is known, what is added to that row is its own. From the second on it can't be told apart, and
//! goes to an edge of the same service with an unknown provider. What was attributed stays where it is: the
//! sum over the edges is the row, at any time.
//!
//! Counters begin anew with Netplugin and with an endpoint. It shows where one is less than it was, where a
//! provider's row is gone (rows stay for as long as what they are rows of), or where the service was missing
//! in a whole answer. From then on all that is read is new: it is read in another place. A beginning that
//! shows in none of these ways is taken for growth, which credits too little.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use svcflow_model::{Counters, Edge, EdgeReading, Observation, Protocol, Service, Timestamp};

use super::svcstats::ServiceStats;

/// Services of endpoints that are followed; past it new ones are counted as unfollowed, so that memory stays
/// bounded (some 100 MB).
const FOLLOWED_MAX: usize = 200_000;
/// What was out of sight for so long has ended: Netplugin forgets endpoints when they go.
const EXPIRY: Duration = Duration::from_secs(36 * 3_600);

type Key = (IpAddr, Service, Protocol);

#[derive(Debug)]
struct Followed {
    /// How often its counters began anew: where its readings are from.
    place: u32,
    /// The rows as they were last read.
    rows: Vec<(IpAddr, Counters)>,
    /// What of the row of outgoing traffic was attributed.
    last: Counters,
    /// What of it is whose; the unspecified address stands for nobody known.
    shares: HashMap<IpAddr, Counters>,
    /// Whether there was traffic and no provider yet at the last look: the answer may be on its way.
    waiting: bool,
    /// The last look that had it.
    look: u64,
    seen: Timestamp,
}

/// What is known of each endpoint's services.
#[derive(Debug, Default)]
pub(super) struct Split {
    followed: HashMap<Key, Followed>,
    /// How many looks there were; in the first nothing is new.
    looks: u64,
}

impl Split {
    /// Takes a look and hands over its edges; gives how many services could not be followed. `whole`: all
    /// of the answer could be read, so that what is missing is gone.
    pub(super) fn look(
        &mut self,
        services: &[ServiceStats],
        whole: bool,
        at: Timestamp,
        observe: &mut dyn FnMut(&Observation),
    ) -> u64 {
        let mut unfollowed = 0;
        let this = self.looks.saturating_add(1);
        for stats in services {
            let key = (stats.endpoint, stats.service, stats.protocol);
            if !self.followed.contains_key(&key) && self.followed.len() >= FOLLOWED_MAX {
                unfollowed += 1;
                continue;
            }
            let followed = self.followed.entry(key).or_insert_with(|| Followed {
                place: 0,
                rows: Vec::new(),
                last: Counters::ZERO,
                shares: HashMap::new(),
                waiting: false,
                look: this,
                seen: at,
            });
            if followed.began_anew(stats, whole, this) {
                followed.begin_anew();
            }
            (followed.look, followed.seen) = (this, at);
            followed.look(stats, this > 1, observe);
        }
        if !whole {
            // What could not be read was not missing.
            self.followed.values_mut().for_each(|followed| followed.look = this);
        }
        self.looks = this;
        self.followed.retain(|_, followed| at.since(followed.seen) < EXPIRY);
        unfollowed
    }
}

impl Followed {
    fn began_anew(&self, stats: &ServiceStats, whole: bool, this: u64) -> bool {
        let was_missing = self.look.saturating_add(1) < this;
        let fell_or_gone = self.rows.iter().any(|(address, last)| {
            match stats.rows.iter().find(|(now, _)| now == address) {
                Some((_, now)) => now.since(last).is_none(),
                None => whole,
            }
        });
        was_missing || fell_or_gone
    }

    fn begin_anew(&mut self) {
        self.place = self.place.wrapping_add(1);
        self.rows.clear();
        self.shares.clear();
        self.last = Counters::ZERO;
        self.waiting = false;
    }

    fn look(&mut self, stats: &ServiceStats, looked: bool, observe: &mut dyn FnMut(&Observation)) {
        let own = |(address, _): &&(IpAddr, Counters)| *address == stats.endpoint;
        let row = stats.rows.iter().find(own).map_or(Counters::ZERO, |(_, counters)| *counters);
        // The endpoint's own row is a provider's only where something came in from there: a hairpin.
        let is_provider = |(address, counters): &&(IpAddr, Counters)| {
            *address != stats.endpoint || counters.bytes_in > 0 || counters.packets_in > 0
        };
        let providers: Vec<_> = stats.rows.iter().filter(is_provider).copied().collect();
        self.attribute(&row, &providers, stats.service.address, looked);
        self.rows.clone_from(&stats.rows);
        let nobody = unspecified(stats.service.address);
        let unsplit = providers.len() > 1 || self.shares.contains_key(&nobody);
        for (provider, counters) in &providers {
            let edge = edge(stats, *provider);
            // A provider's row that holds outgoing traffic of its own: no release is known to do it.
            let own = if *provider == stats.endpoint { Counters::ZERO } else { out(counters) };
            let mut all = self.shares.get(provider).copied().unwrap_or_default();
            all.add(&own);
            all.add(&Counters {
                bytes_in: counters.bytes_in,
                packets_in: counters.packets_in,
                ..Counters::ZERO
            });
            hand_over(EdgeReading { edge, place: self.place, counters: all }, unsplit, observe);
        }
        if let Some(share) = self.shares.get(&nobody) {
            let edge = edge(stats, nobody);
            let reading = EdgeReading { edge, place: self.place, counters: *share };
            hand_over(reading, true, observe);
        }
    }

    /// What is new in the row of outgoing traffic goes to whom it belongs.
    fn attribute(
        &mut self,
        row: &Counters,
        providers: &[(IpAddr, Counters)],
        service: IpAddr,
        looked: bool,
    ) {
        let row = out(row);
        let gained = row.since(&self.last).unwrap_or(row);
        let whose = match providers {
            [(only, _)] => *only,
            [] if looked && !self.waiting && !gained.is_zero() => {
                self.waiting = true;
                return;
            }
            _ => unspecified(service),
        };
        self.waiting = false;
        self.last = row;
        if !gained.is_zero() {
            self.shares.entry(whose).or_default().add(&gained);
        }
    }
}

fn out(counters: &Counters) -> Counters {
    let Counters { bytes_out, packets_out, .. } = *counters;
    Counters { bytes_out, packets_out, ..Counters::ZERO }
}

fn hand_over(reading: EdgeReading, unsplit: bool, observe: &mut dyn FnMut(&Observation)) {
    observe(&Observation::Edge(reading));
    if unsplit {
        observe(&Observation::Unsplit(reading.edge));
    }
}

fn edge(stats: &ServiceStats, provider: IpAddr) -> Edge {
    Edge {
        endpoint: stats.endpoint,
        service: Some(stats.service),
        provider,
        provider_port: stats.provider_port,
        protocol: stats.protocol,
    }
}

/// The address that stands for nobody known, of the same family.
fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use svcflow_accounting::{Accounting, Limits};
    use svcflow_lab::standin::contiv::{Shape, svcstats};
    use svcflow_model::{Baseline, EdgeRow, Epoch, ObservationSink, Origin};

    use super::super::svcstats::read;
    use super::*;

    /// A Netplugin whose true edges are known, and what becomes of its answers.
    struct Bench {
        truth: Vec<EdgeRow>,
        split: Split,
        accounting: Accounting,
        time: i64,
    }

    fn row(endpoint: u8, service: u8, provider: u8) -> EdgeRow {
        let edge = Edge {
            endpoint: [11, 1, 1, endpoint].into(),
            service: Some(Service { address: [100, 1, 1, service].into(), port: 8080 }),
            provider: [10, 1, 1, provider].into(),
            provider_port: 80,
            protocol: Protocol::TCP,
        };
        EdgeRow::new("n", &edge, &Counters::ZERO)
    }

    fn counted(times: u64) -> Counters {
        Counters { bytes_in: 1_000_000, bytes_out: 10_000, packets_in: 70, packets_out: 9 }
            .times(times)
    }

    trait Times {
        fn times(self, times: u64) -> Self;
    }

    impl Times for Counters {
        fn times(self, times: u64) -> Self {
            let mut sum = Counters::ZERO;
            (0..times).for_each(|_| sum.add(&self));
            sum
        }
    }

    impl Bench {
        fn new() -> Self {
            let mut accounting = Accounting::new(Epoch(1), Limits::default());
            let origin = Observation::Origin {
                origin: Origin { id: 1, handle: 1 },
                baseline: Baseline::FirstLook,
            };
            accounting.observe(Timestamp(0), &origin);
            Self { truth: Vec::new(), split: Split::default(), accounting, time: 0 }
        }

        fn add(&mut self, like: &EdgeRow, more: &Counters) {
            let mut sum = *more;
            let known = self.truth.iter().position(|row| row.edge() == like.edge());
            if let Some(known) = known {
                sum.add(&self.truth.swap_remove(known).counters());
            }
            self.truth.push(EdgeRow::new("n", &like.edge(), &sum));
        }

        fn look(&mut self) {
            let mut services = Vec::new();
            let text = svcstats(&self.truth, Shape::Object);
            assert_eq!(read(text.as_bytes(), |stats| services.push(stats)), Ok(0));
            self.time += 1;
            let (at, accounting) = (Timestamp(self.time), &mut self.accounting);
            accounting.observe(at, &Observation::LookBegan);
            let mut each = |observation: &Observation| accounting.observe(at, observation);
            assert_eq!(self.split.look(&services, true, at, &mut each), 0);
            accounting.observe(at, &Observation::LookEnded { complete: true });
        }

        fn of(&self, row: &EdgeRow) -> Counters {
            let found = self.accounting.edges().find(|sample| sample.edge == row.edge());
            found.map_or(Counters::ZERO, |sample| sample.counters)
        }

        fn sum(&self, of: &EdgeRow) -> Counters {
            let mut sum = Counters::ZERO;
            let same = |e: &Edge| (e.endpoint, e.service) == (of.endpoint, of.edge().service);
            let all = self.accounting.edges().filter(|sample| same(&sample.edge));
            all.for_each(|sample| sum.add(&sample.counters));
            sum
        }
    }

    #[test]
    fn one_provider_a_service_is_exact_and_unmarked_however_many_services() {
        let mut bench = Bench::new();
        let rows = [row(1, 3, 5), row(1, 4, 6), row(2, 3, 5)];
        bench.look();
        for (times, row) in (1..).zip(&rows) {
            bench.add(row, &counted(times));
        }
        bench.look();
        bench.look();
        for (times, row) in (1..).zip(&rows) {
            assert_eq!(bench.of(row), counted(times));
        }
        assert!(bench.accounting.edges().all(|sample| !sample.marks.unsplit));
        assert_eq!(bench.accounting.edges().count(), 3);
    }

    #[test]
    fn from_the_second_provider_on_the_rest_is_on_the_service_and_nothing_is_multiplied() {
        let mut bench = Bench::new();
        bench.look();
        let (first, second, nobody) = (row(1, 3, 5), row(1, 3, 6), row(1, 3, 0));
        let nobody = EdgeRow { provider: IpAddr::from([0, 0, 0, 0]), ..nobody };
        bench.add(&first, &counted(2));
        bench.look();
        assert_eq!(bench.of(&first), counted(2), "alone it is exact");
        bench.add(&first, &counted(1));
        bench.add(&second, &counted(4));
        bench.look();
        bench.look();
        let (of_first, of_second) = (bench.of(&first), bench.of(&second));
        assert_eq!((of_first.bytes_in, of_first.packets_out), (3_000_000, 18));
        assert_eq!((of_second.bytes_in, of_second.packets_out), (4_000_000, 0));
        assert_eq!(
            bench.of(&nobody),
            Counters { bytes_out: 50_000, packets_out: 45, ..Counters::ZERO }
        );
        assert_eq!(bench.sum(&first), counted(7));
        assert!(bench.accounting.edges().all(|sample| sample.marks.unsplit));
    }

    #[test]
    fn what_ran_before_the_first_look_is_the_baseline() {
        let mut bench = Bench::new();
        let (first, second) = (row(1, 3, 5), row(1, 3, 6));
        bench.add(&first, &counted(9));
        bench.add(&second, &counted(9));
        bench.look();
        assert_eq!(bench.sum(&first), Counters::ZERO);
        bench.add(&second, &counted(1));
        bench.look();
        assert_eq!(bench.sum(&first), counted(1));
    }

    #[test]
    fn a_netplugin_that_began_anew_and_an_endpoint_that_was_away_count_on() {
        let mut bench = Bench::new();
        bench.look();
        let row = row(1, 3, 5);
        bench.add(&row, &counted(5));
        bench.look();
        bench.truth.clear();
        bench.look();
        assert_eq!(bench.of(&row), counted(5), "absence is nothing");
        bench.add(&row, &counted(2));
        bench.look();
        assert_eq!(bench.of(&row), counted(7));
        assert!(bench.accounting.losses().is_empty());
    }

    #[test]
    fn a_beginning_shows_in_rows_that_are_gone_where_the_sums_do_not_fall() {
        let mut bench = Bench::new();
        bench.look();
        let (first, second) = (row(1, 3, 5), row(1, 3, 6));
        bench.add(&first, &counted(5));
        bench.look();
        bench.truth.clear();
        bench.add(&second, &counted(6));
        bench.look();
        assert_eq!((bench.of(&first), bench.of(&second)), (counted(5), counted(6)));
        // Away for a look, and back with more: nothing of it was known.
        bench.truth.clear();
        bench.look();
        bench.add(&second, &counted(9));
        bench.look();
        assert_eq!(bench.of(&second), counted(15));
    }

    #[test]
    fn what_nobody_answers_is_the_services_own_a_look_later() {
        let mut bench = Bench::new();
        bench.look();
        let (provider, nobody) = (row(1, 3, 5), row(1, 3, 0));
        let nobody = EdgeRow { provider: IpAddr::from([0, 0, 0, 0]), ..nobody };
        // The first packet is on its way when the look comes: a row of the endpoint's own and no other.
        let alone = EdgeRow { provider: provider.endpoint, ..provider.clone() };
        let sent = Counters { bytes_out: 60, packets_out: 1, ..Counters::ZERO };
        bench.add(&alone, &sent);
        bench.look();
        assert_eq!(bench.sum(&provider), Counters::ZERO);
        bench.truth.clear();
        bench.add(&provider, &Counters { bytes_in: 40, packets_in: 1, ..sent });
        bench.look();
        assert_eq!(bench.of(&provider).bytes_out, 60, "its answer came in time");
        bench.truth.clear();
        let silent = EdgeRow { endpoint: IpAddr::from([11, 1, 1, 9]), ..alone };
        let silent = EdgeRow { provider: silent.endpoint, ..silent };
        bench.add(&silent, &sent);
        bench.look();
        bench.look();
        let lost = EdgeRow { endpoint: silent.endpoint, ..nobody };
        assert_eq!(bench.of(&lost), sent);
    }

    #[test]
    fn an_endpoint_that_is_a_provider_itself_is_one() {
        let mut bench = Bench::new();
        bench.look();
        let hairpin = EdgeRow { provider: IpAddr::from([11, 1, 1, 1]), ..row(1, 3, 0) };
        bench.add(&hairpin, &counted(1));
        bench.look();
        assert_eq!(bench.of(&hairpin), counted(1));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever grows when: incoming is exact an edge, outgoing exact a service, never more.
        #[test]
        fn nothing_is_lost_and_nothing_multiplied(
            steps in proptest::collection::vec((1..4_u8, 1..3_u8, 1..4_u8, 1..5_u64, any::<bool>()), 1..40)
        ) {
            let mut bench = Bench::new();
            bench.look();
            for (endpoint, service, provider, times, look) in steps {
                bench.add(&row(endpoint, service, provider), &counted(times));
                if look {
                    bench.look();
                }
            }
            bench.look();
            for row in &bench.truth {
                let (seen, counters) = (bench.of(row), row.counters());
                prop_assert_eq!((seen.bytes_in, seen.packets_in), (counters.bytes_in, counters.packets_in));
                prop_assert!(seen.bytes_out <= counters.bytes_out);
                let mut all = Counters::ZERO;
                let same = |it: &&EdgeRow| (it.endpoint, it.service) == (row.endpoint, row.service);
                bench.truth.iter().filter(same).for_each(|it| all.add(&it.counters()));
                prop_assert_eq!(bench.sum(row), all);
            }
        }
    }
}
