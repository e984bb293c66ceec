//! What the agent's own process costs.

use rustix::time::{ClockId, clock_gettime};

/// CPU seconds of the process, user and system.
pub(crate) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let whole = std::time::Duration::try_from(time).unwrap_or_default();
    whole.as_secs_f64()
}

/// Resident memory in bytes; `None` where `/proc` isn't there.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes * 1024)
}
