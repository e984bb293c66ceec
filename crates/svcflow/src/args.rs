//! Every subcommand and option; help, completions and the man page all come from here.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

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
