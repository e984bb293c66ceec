use std::time::Duration;

/// What a query may take. `None` is no limit. The names in errors are those of InfluxDB's settings,
/// where it has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `query-timeout`: how long a query may run.
    pub timeout: Option<Duration>,
    /// `max-select-series`: how many series a `SELECT` may read.
    pub series: Option<u64>,
    /// `max-select-point`: how many stored points a `SELECT` may read.
    pub points: Option<u64>,
    /// `max-select-buckets`: how many `GROUP BY time()` buckets a `SELECT` may make, all series together.
    pub buckets: Option<u64>,
    /// `max-select-memory`: bytes that a `SELECT` may hold at once, the answer's unsent part included.
    pub memory: Option<u64>,
    /// `max-queries-memory`: bytes that all queries together may hold at once; the one that wants more ends.
    pub memory_of_all: Option<u64>,
    /// How many threads one query may use; at least one is used.
    pub threads: usize,
}

impl Default for Limits {
    /// A timeout of five minutes, ten million buckets and 256 MiB, 1 GiB for all together, on as many threads as there are cores.
    fn default() -> Self {
        Self {
            timeout: Some(Duration::from_secs(300)),
            series: None,
            points: None,
            buckets: Some(10_000_000),
            memory: Some(256 << 20),
            memory_of_all: Some(1 << 30),
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        }
    }
}
