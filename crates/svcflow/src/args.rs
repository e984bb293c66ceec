//! Every subcommand and option; help, completions and the man page all come from here.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use svcflow_source::Preference;

/// Who talks to whom, and how much: traffic telemetry for container networks.
///
/// svcflow shows which endpoint talks to which service, which provider behind it answered, and how many bytes and
/// packets went each way. "In" is towards the endpoint that opened the connection, "out" is from it.
#[derive(Debug, Parser)]
#[command(name = "svcflow", version, propagate_version = true, arg_required_else_help = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See svcflow at work on a small container network of its own
    #[command(long_about = "See svcflow at work on a small container network of its own.

Makes a node, four clients, two services and seventeen providers out of network namespaces that die with the
program, lets them talk, and shows who talks to whom. Nothing outside of it is touched; no root is needed where
the system lets users make namespaces.")]
    #[command(after_long_help = "Examples:
  svcflow demo                               watch it live
  svcflow demo --duration 30s --json         a JSON document a second, for 30 seconds
  svcflow demo --once                        known traffic, every edge compared with a packet count")]
    Demo(DemoOptions),
    /// Count this host's traffic and serve it over HTTP
    #[command(after_long_help = "Examples:
  svcflow agent                              count in the kernel, serve http://127.0.0.1:4000
  svcflow agent --observe-only               change nothing: read connection tracking
  svcflow agent --config /etc/svcflow.toml   settings from a file; flags win over it")]
    Agent(AgentOptions),
    /// Check a configuration file
    #[command(after_long_help = "Example:
  svcflow config check /etc/svcflow.toml")]
    Config {
        /// What to do with it
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// Record what the kernel says into a trace, to replay or to send with a bug report
    #[command(after_long_help = "Example:
  svcflow record bug.svcflow-trace --duration 60s

A trace holds addresses, ports and counters of everything that was tracked; nothing of any packet's content.")]
    Record(RecordOptions),
    /// Print the edges that a trace accounts to
    #[command(after_long_help = "Example:
  svcflow replay bug.svcflow-trace --json")]
    Replay(ReplayOptions),
    /// Print the edges an agent counts, as a table or JSON
    #[command(after_long_help = "Examples:
  svcflow edges                              everything the agent on this host counts
  svcflow edges --service 100.1.1.3          only what goes to one service
  svcflow edges --sort rate --limit 10       the ten busiest now
  svcflow edges --watch --json               one JSON document a line, every interval")]
    Edges(EdgesArgs),
    /// Watch the edges live: sort, filter, group, pause
    #[command(after_long_help = "Examples:
  svcflow top                                the agent on this host
  svcflow top --agent http://10.0.0.7:4000   another node's

Keys: 1 edges, 2 services, 3 endpoints, arrows choose the sort column, r reverses, / filters, space pauses,
? lists them all, q quits.")]
    Top(AgentArgs),
    /// Print a shell's completion script
    #[command(after_long_help = "Example:
  svcflow completions bash > /etc/bash_completion.d/svcflow")]
    Completions {
        /// The shell to print for
        shell: Shell,
    },
    /// Print the manual page, or write one per subcommand
    #[command(after_long_help = "Examples:
  svcflow man | man -l -
  svcflow man --dir /usr/local/share/man/man1")]
    Man {
        /// Write svcflow.1 and a page per subcommand into this folder
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Report every fault of a file, with its line
    Check {
        /// The file
        file: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoOptions {
    /// Move exactly known traffic, compare every edge with an independent count, and end
    #[arg(long)]
    pub(crate) once: bool,
    /// Print JSON instead of a table or the live view
    #[arg(long)]
    pub(crate) json: bool,
    /// End after this long, such as 30s
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Serve HTTP here [default: the first free port from 127.0.0.1:4000]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// How to count: auto, nftables or conntrack
    #[arg(long, default_value_t)]
    pub(crate) source: Preference,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AgentOptions {
    /// Settings from a TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Serve HTTP here [default: 127.0.0.1:4000]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Time between looks [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) interval: Option<Duration>,
    /// How to count: auto, nftables or conntrack [default: auto]
    #[arg(long)]
    pub(crate) source: Option<Preference>,
    /// Change nothing: read connection tracking (the same as --source conntrack)
    #[arg(long, conflicts_with = "source")]
    pub(crate) observe_only: bool,
    /// The node's name in every answer [default: the host's name]
    #[arg(long)]
    pub(crate) node: Option<String>,
    /// Keep the counters' baselines here over a restart
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Turn on nf_conntrack_acct and nf_conntrack_events where they are off
    #[arg(long)]
    pub(crate) enable_conntrack_accounting: bool,
    /// Allow listening beyond loopback without token or TLS
    #[arg(long)]
    pub(crate) insecure: bool,
    /// End after this long
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) duration: Option<Duration>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RecordOptions {
    /// Where to write the trace
    pub(crate) file: PathBuf,
    /// End after this long [default: when interrupted]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// What to record: auto, nftables or conntrack
    #[arg(long, default_value_t)]
    pub(crate) source: Preference,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReplayOptions {
    /// The trace
    pub(crate) file: PathBuf,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct AgentArgs {
    /// The agent to ask
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:4000",
        env = "SVCFLOW_AGENT"
    )]
    pub(crate) agent: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct EdgesArgs {
    #[command(flatten)]
    pub(crate) agent: AgentArgs,
    /// Only edges to this service address
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) service: Option<IpAddr>,
    /// Only edges opened by this endpoint
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) endpoint: Option<IpAddr>,
    /// Only edges answered by this provider
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) provider: Option<IpAddr>,
    /// The order of the rows
    #[arg(long, value_enum, default_value_t = SortBy::Bytes)]
    pub(crate) sort: SortBy,
    /// Print at most this many edges
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Print again whenever the agent has a new interval, until interrupted
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortBy {
    /// Most bytes both ways first
    Bytes,
    /// Most packets both ways first
    Packets,
    /// Most bytes per second first
    Rate,
    /// By endpoint address
    Endpoint,
    /// By service address, direct edges first
    Service,
    /// By provider address
    Provider,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_subcommand_has_short_and_long_help_with_an_example() {
        for command in Args::command().get_subcommands_mut() {
            let name = command.get_name().to_owned();
            assert!(command.get_about().is_some(), "{name}");
            assert!(command.render_long_help().to_string().contains("Example"), "{name}");
        }
    }
}
