//! Entries as text, in the format of `conntrack -L` (libnetfilter_conntrack's
//! `src/conntrack/snprintf_default.c`), so that scripts that read the one read the other.
//! Left out is what needs a clock (`delta-time`) or text of variable length (`secctx`, `helper`).

use std::fmt::{Display, Formatter, Result};

use crate::{Count, Entry, Status, Transport, Tuple, protocol};

impl Display for Entry {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let number = self.protocol();
        write!(f, "{:<8} {number}", protocol_name(number))?;
        if let Some(timeout) = self.timeout {
            write!(f, " {timeout}")?;
        }
        let state = self.tcp_state.map(|state| state.name());
        let state = state.or(self.sctp_state.map(|state| state.name()));
        if let Some(name) = state.or(self.dccp_state.map(|state| state.name())) {
            write!(f, " {}", name.unwrap_or("UNKNOWN"))?;
        }
        write_tuple(f, &self.original, "zone-orig")?;
        write_count(f, self.counters.map(|counters| counters.original))?;
        if !self.status.contains(Status::SEEN_REPLY) {
            f.write_str(" [UNREPLIED]")?;
        }
        write_tuple(f, &self.reply, "zone-reply")?;
        write_count(f, self.counters.map(|counters| counters.reply))?;
        write_assured(f, self.status)?;
        if let Some(mark) = self.mark {
            write!(f, " mark={mark}")?;
        }
        if self.zone != 0 {
            write!(f, " zone={}", self.zone)?;
        }
        if let Some(count) = self.use_count {
            write!(f, " use={count}")?;
        }
        Ok(())
    }
}

fn protocol_name(number: u8) -> &'static str {
    match number {
        protocol::ICMP => "icmp",
        protocol::TCP => "tcp",
        protocol::UDP => "udp",
        protocol::DCCP => "dccp",
        protocol::GRE => "gre",
        protocol::ICMPV6 => "icmpv6",
        protocol::SCTP => "sctp",
        protocol::UDPLITE => "udplite",
        _ => "unknown",
    }
}

fn write_tuple(f: &mut Formatter<'_>, tuple: &Tuple, zone: &str) -> Result {
    write!(f, " src={} dst={}", tuple.source, tuple.destination)?;
    match tuple.transport {
        Transport::Ports { source, destination } => {
            write!(f, " sport={source} dport={destination}")?;
        }
        Transport::Icmp { id, kind, code } => write!(f, " type={kind} code={code} id={id}")?,
        Transport::Gre { source_key, destination_key } => {
            write!(f, " srckey={source_key:#x} dstkey={destination_key:#x}")?;
        }
        Transport::None => {}
    }
    if tuple.zone != 0 {
        write!(f, " {zone}={}", tuple.zone)?;
    }
    Ok(())
}

fn write_count(f: &mut Formatter<'_>, count: Option<Count>) -> Result {
    match count {
        Some(Count { packets, bytes }) => write!(f, " packets={packets} bytes={bytes}"),
        None => Ok(()),
    }
}

fn write_assured(f: &mut Formatter<'_>, status: Status) -> Result {
    let word = if status.contains(Status::HW_OFFLOAD) {
        " [HW_OFFLOAD]"
    } else if status.contains(Status::OFFLOAD) {
        " [OFFLOAD]"
    } else if status.contains(Status::ASSURED) {
        " [ASSURED]"
    } else {
        ""
    };
    f.write_str(word)
}
