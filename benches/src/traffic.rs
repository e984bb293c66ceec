//! Counters of edges as svcflow writes them: the tags of contracts, four integers that only grow.

use std::fmt::Write;

/// One edge's counters, moved on by pseudo-random traffic that is the same in each run.
#[derive(Debug, Clone)]
pub struct Edge {
    /// Measurement and tags, as line protocol has them.
    pub series: String,
    counters: [i64; 4],
    random: u64,
}

/// Every edge's counters at one instant after another.
#[derive(Debug, Clone)]
pub struct Traffic {
    edges: Vec<Edge>,
    /// Seconds since the epoch of the next sample.
    time: i64,
}

/// Seconds between samples.
const INTERVAL: i64 = 10;
/// Edges share services and nodes as in a cluster.
const SERVICES: usize = 50;
const NODES: usize = 40;

impl Edge {
    /// The edge with this number; each number is another endpoint and provider.
    pub fn new(number: usize) -> Edge {
        let (high, low) = (number / 250, number % 250 + 1);
        let series = format!(
            "httpjson_svcstats,EndpointIP=11.{}.{}.{low},Node=node-{},Protocol=TCP,ProviderIP=10.{}.{}.{low},\
             ProviderPort=80,ServiceIP=100.1.1.{},ServicePort=8080",
            high / 250 + 1,
            high % 250,
            number % NODES,
            high / 250 + 1,
            (high * 7) % 250,
            number % SERVICES + 3,
        );
        let random = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        Edge { series, counters: [0; 4], random }
    }

    /// A line of line protocol with the counters as they are, at this second.
    pub fn line(&self, time: i64, lines: &mut String) {
        let [bytes_in, bytes_out, packets_in, packets_out] = self.counters;
        // Writing into a String can't fail.
        let _ = writeln!(
            lines,
            "{} BytesIn={bytes_in}i,BytesOut={bytes_out}i,PacketsIn={packets_in}i,PacketsOut={packets_out}i {time}",
            self.series
        );
    }

    /// One interval's traffic. A third of the intervals is idle; answers are larger than questions.
    pub fn step(&mut self) {
        let random = self.next();
        if random.is_multiple_of(3) {
            return;
        }
        let packets_out = (random >> 8) % 200 + 1;
        let packets_in = packets_out + (random >> 20) % 100;
        let sizes = [(random >> 32) % 1400 + 60, (random >> 48) % 400 + 60];
        let grown = [packets_in * sizes[0], packets_out * sizes[1], packets_in, packets_out];
        for (counter, more) in self.counters.iter_mut().zip(grown) {
            *counter += i64::try_from(more).unwrap_or_default();
        }
    }

    /// xorshift64*: fast, and the same on every machine.
    fn next(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

impl Traffic {
    /// The edges numbered below `edges`, whose first sample is at `start` (seconds since the epoch).
    pub fn new(edges: usize, start: i64) -> Traffic {
        Traffic { edges: (0..edges).map(Edge::new).collect(), time: start }
    }

    /// One edge alone, whose first sample is at `start`.
    pub fn alone(number: usize, start: i64) -> Traffic {
        Traffic { edges: vec![Edge::new(number)], time: start }
    }

    /// How many edges there are.
    pub fn edges(&self) -> usize {
        self.edges.len()
    }

    /// The second of the next sample.
    pub fn time(&self) -> i64 {
        self.time
    }

    /// Appends one sample of each edge and moves on by an interval.
    pub fn sample(&mut self, lines: &mut String) {
        for edge in &mut self.edges {
            edge.step();
            edge.line(self.time, lines);
        }
        self.time += INTERVAL;
    }

    /// Moves on to another second without a sample.
    pub fn skip_to(&mut self, time: i64) {
        self.time = time;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_edge_is_another_series() {
        let all: HashSet<_> = (0..100_000).map(|number| Edge::new(number).series).collect();
        assert_eq!(all.len(), 100_000);
    }

    #[test]
    fn counters_grow_and_are_the_same_in_each_run() {
        let text = |samples: usize| {
            let mut traffic = Traffic::new(3, 100);
            let mut lines = String::new();
            (0..samples).for_each(|_| traffic.sample(&mut lines));
            lines
        };
        assert_eq!(text(5), text(5));
        assert_eq!(text(5).lines().count(), 15);
        assert!(text(2).ends_with(" 110\n"));
        let mut edge = Edge::new(7);
        for _ in 0..1000 {
            let before = edge.counters;
            edge.step();
            assert!(before.iter().zip(edge.counters).all(|(before, after)| *before <= after));
        }
        assert!(edge.counters.iter().all(|counter| *counter > 10_000));
    }
}
