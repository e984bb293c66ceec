//! Every subcommand and option; help, completions and the man page all come from here.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use svcflow_source::Preference;
use svcflow_topology::sources::docker::SOCKET;
use svcflow_transport::Fingerprint;

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
  svcflow demo --clients                     a second node with three more clients
  svcflow demo --runtime docker              the same with containers of the engine here
  svcflow demo --once                        known traffic, every edge compared with a packet count")]
    Demo(DemoOptions),
    /// Count this host's traffic and serve it over HTTP
    #[command(after_long_help = "Examples:
  svcflow agent                              count in the kernel, serve http://127.0.0.1:4000
  svcflow agent --observe-only               change nothing: read connection tracking
  svcflow agent --source contiv --netmaster http://netmaster:9999
                                             what Contiv's Netplugin counts, with Netmaster's names
  svcflow agent --config /etc/svcflow.toml   settings from a file; flags win over it")]
    Agent(AgentOptions),
    /// Keep time series: a server with InfluxDB 1.x's HTTP interface
    #[command(long_about = "Keep time series: a server with InfluxDB 1.x's HTTP interface.

Whatever writes to InfluxDB or asks it (Telegraf, Grafana, influx, client libraries) can use it instead: line protocol
to /write, InfluxQL to /query. The data stays in a folder.")]
    #[command(after_long_help = "Examples:
  svcflow server --data ./data               serve http://127.0.0.1:8086 from a folder
  svcflow server --config /etc/svcflow.toml  settings from a file; flags win over it
  svcflow query \"CREATE DATABASE telegraf\" make a database to write to")]
    Server(ServerOptions),
    /// Count this host's traffic and keep it: agent, collector and server in one process
    #[command(after_long_help = "Examples:
  sudo svcflow standalone                    agent on 127.0.0.1:4000, InfluxDB 1.x on 127.0.0.1:8086
  sudo svcflow standalone --observe-only     change nothing: read connection tracking
  svcflow query --db telegraf \"SHOW MEASUREMENTS\"

The file given with --config holds a server's settings, those of the agent in a table [agent], and those of the
collector, which may ask other agents, too, in a table [collector].")]
    Standalone(StandaloneOptions),
    /// Ask a server in InfluxQL, and print tables, JSON or CSV
    #[command(after_long_help = "Examples:
  svcflow query \"SHOW DATABASES\"
  svcflow query --db telegraf \"SELECT last(BytesIn) FROM httpjson_svcstats GROUP BY ServiceIP\"
  svcflow query --db telegraf --csv \"SELECT * FROM cpu WHERE time > now() - 1h\" > cpu.csv

A user's secret is taken from the environment: SVCFLOW_SECRET=... svcflow query --user grafana ...")]
    Query(QueryOptions),
    /// Check a configuration file
    #[command(after_long_help = "Examples:
  svcflow config check /etc/svcflow.toml
  svcflow config check --for server /etc/svcflow-server.toml")]
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
  svcflow edges --filter 'tier=db name:app*' only that of such labels and names
  svcflow edges --sort rate --limit 10       the ten busiest now
  svcflow edges --watch --json               one JSON document a line, every interval")]
    Edges(EdgesArgs),
    /// Watch the edges live: sort, filter, group, pause
    #[command(after_long_help = "Examples:
  svcflow top                                the agent on this host
  svcflow top --agent http://10.0.0.7:4000   another node's
  svcflow top --filter tier=db               only what has to do with the databases

Keys: 1 edges, 2 services, 3 endpoints, arrows choose the sort column, r reverses, / filters, space pauses,
? lists them all, q quits.")]
    Top(TopArgs),
    /// Print the endpoint addresses of a node, one a line
    #[command(after_long_help = "Examples:
  svcflow endpoints http://10.0.0.7:4000              an agent's
  svcflow endpoints http://10.0.0.7:9090              a Contiv Netplugin's
  svcflow endpoints http://10.0.0.7:4000 --telegraf   quoted URLs for a telegraf.conf")]
    Endpoints(EndpointsArgs),
    /// Print a complete telegraf.conf that collects every edge
    #[command(after_long_help = "Examples:
  svcflow telegraf-config --node 10.0.0.7 --node 10.0.0.8 > telegraf.conf
  svcflow telegraf-config --etcd http://netmaster         the nodes that registered there
  svcflow telegraf-config --node n1 --base telegraf.conf  a file of your own, with the inputs added
  svcflow telegraf-config --node n1 --plugin httpjson     for Telegraf 0.13 to 1.29")]
    TelegrafConfig(TelegrafConfigArgs),
    /// Print every edge as line protocol at each interval, for Telegraf's inputs.execd
    #[command(after_long_help = "Example, in telegraf.conf:
  [[inputs.execd]]
    command = [\"svcflow\", \"telegraf-plugin\", \"--on-signal\"]
    signal = \"STDIN\"
    data_format = \"influx\"

With signal = \"none\" leave --on-signal out: it then prints at an interval of its own.")]
    TelegrafPlugin(TelegrafPluginArgs),
    /// Be a host of the demo's network within a container, until standard input ends
    #[command(hide = true)]
    #[command(after_long_help = "Example: svcflow lab-host 10.1.1.1 80")]
    LabHost(LabHostOptions),
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
        /// What it configures
        #[arg(long = "for", value_name = "WHAT", value_enum, default_value_t = ConfigOf::Agent)]
        kind: ConfigOf,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConfigOf {
    /// `svcflow agent`
    Agent,
    /// `svcflow server`
    Server,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ServerOptions {
    /// Settings from a TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Serve HTTP here [default: 127.0.0.1:8086]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Keep the data here [default: /var/lib/svcflow for root, else the user's data folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// Ask callers who they are: users, their secrets and rights from a file
    #[arg(long, value_name = "FILE")]
    pub(crate) users_file: Option<PathBuf>,
    /// Allow listening beyond loopback without users or TLS
    #[arg(long)]
    pub(crate) insecure: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StandaloneOptions {
    #[command(flatten)]
    pub(crate) server: ServerOptions,
    /// Serve the agent's HTTP here [default: 127.0.0.1:4000]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) agent_listen: Option<SocketAddr>,
    /// Change nothing on the host: read connection tracking
    #[arg(long)]
    pub(crate) observe_only: bool,
    /// End after this long
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) duration: Option<Duration>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct QueryOptions {
    /// InfluxQL: one statement, or several with semicolons between them
    pub(crate) query: String,
    /// The database that is meant where the query names none
    #[arg(long, value_name = "NAME")]
    pub(crate) db: Option<String>,
    /// The retention policy that is meant where the query names none
    #[arg(long, value_name = "NAME")]
    pub(crate) rp: Option<String>,
    /// Times as numbers of ns, u, ms, s, m or h since 1970 instead of dates
    #[arg(long, value_name = "UNIT")]
    pub(crate) epoch: Option<String>,
    /// The server to ask
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8086",
        env = "SVCFLOW_SERVER"
    )]
    pub(crate) url: String,
    /// Believe an https server that this CA vouches for, instead of the host's CAs
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Ask as this user, with the secret in SVCFLOW_SECRET
    #[arg(long, value_name = "NAME", env = "SVCFLOW_USER")]
    pub(crate) user: Option<String>,
    /// Only from the environment: what stands on a command line, others can read
    #[arg(long, hide = true, env = "SVCFLOW_SECRET", hide_env_values = true)]
    pub(crate) secret: Option<String>,
    /// Print the server's JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    /// Print CSV instead of tables
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoOptions {
    /// Move exactly known traffic, compare every edge with an independent count, and end
    #[arg(long)]
    pub(crate) once: bool,
    /// Print JSON instead of a table or the live view
    #[arg(long)]
    pub(crate) json: bool,
    /// Add a second node with three more clients, and an agent there
    #[arg(long)]
    pub(crate) clients: bool,
    /// End after this long, such as 30s
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Serve HTTP here [default: the first free port from 127.0.0.1:4000]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Keep the history here [default: demo, in the folder that `svcflow server` would use]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// How to count: auto, nftables or conntrack
    #[arg(long, default_value_t)]
    pub(crate) source: Preference,
    /// What clients and providers are
    #[arg(long, value_enum, default_value_t = Runtime::Namespaces)]
    pub(crate) runtime: Runtime,
    /// With --runtime docker: where the engine listens
    #[arg(long, value_name = "SOCKET", default_value = SOCKET)]
    pub(crate) docker: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runtime {
    /// Network namespaces that die with the program
    Namespaces,
    /// Containers of a Docker engine on this host, removed at the end; needs root
    Docker,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LabHostOptions {
    /// Its address
    pub(crate) address: std::net::Ipv4Addr,
    /// The ports that it serves
    pub(crate) ports: Vec<u16>,
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
    /// How to count: auto, nftables, conntrack or contiv [default: auto]
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
    /// With --source contiv: where Netplugin listens [default: http://127.0.0.1:9090]
    #[arg(long, value_name = "URL")]
    pub(crate) netplugin: Option<String>,
    /// Name services and owners of addresses from this file
    #[arg(long, value_name = "FILE")]
    pub(crate) names: Option<PathBuf>,
    /// Name them from Contiv's Netmaster, such as http://netmaster:9999
    #[arg(long, value_name = "URL")]
    pub(crate) netmaster: Option<String>,
    /// Name them from a Docker engine
    #[arg(long, value_name = "SOCKET", num_args = 0..=1, default_missing_value = SOCKET)]
    pub(crate) docker: Option<String>,
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
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

/// What an agent that protects itself wants to be shown, and whom to believe.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Protected agents")]
pub(crate) struct AccessArgs {
    /// Show the token on this file's first line
    #[arg(long, value_name = "FILE", env = "SVCFLOW_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Believe certificates that this CA signed [default: the host's CAs]
    #[arg(long, value_name = "FILE", env = "SVCFLOW_CA", conflicts_with = "fingerprint")]
    pub(crate) ca: Option<PathBuf>,
    /// Believe the certificate with this SHA-256, whatever it says
    #[arg(long, value_name = "SHA256")]
    pub(crate) fingerprint: Option<Fingerprint>,
    /// Show this certificate, where the agent wants one
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) certificate: Option<PathBuf>,
    /// The certificate's key
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,
    /// Show the token over plain HTTP beyond loopback, too
    #[arg(long)]
    pub(crate) insecure: bool,
}

#[derive(Debug, Default, clap::Args)]
pub(crate) struct FilterArgs {
    /// Only edges that this selects: labels (tier=db), part of a name (name:app*), an address or network, node:n1,
    /// proto:udp, port:8080, any text; ! negates; all terms must hold
    #[arg(long, value_name = "TERMS", value_parser = filter, default_value = "", hide_default_value = true)]
    pub(crate) filter: String,
}

/// Faults are found before anybody is asked.
fn filter(text: &str) -> Result<String, String> {
    match svcflow_map::Filter::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(fault) => Err(format!("{} (after {} characters)", fault.message, fault.position)),
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct TopArgs {
    #[command(flatten)]
    pub(crate) agent: AgentArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct EdgesArgs {
    #[command(flatten)]
    pub(crate) agent: AgentArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
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

#[derive(Debug, clap::Args)]
pub(crate) struct EndpointsArgs {
    /// The agent or Netplugin to ask
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
    /// Print a JSON array
    #[arg(long, conflicts_with = "telegraf")]
    pub(crate) json: bool,
    /// Print a quoted URL and a comma a line, as a telegraf.conf lists them
    #[arg(long)]
    pub(crate) telegraf: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TelegrafConfigArgs {
    /// A node with an agent: host, address or URL; may be given several times
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Vec<String>,
    /// Find nodes in this etcd's v2 keys (ports 2379 and 4001 are tried where none is given)
    #[arg(long, value_name = "URL")]
    pub(crate) etcd: Vec<String>,
    /// Find nodes in this Consul's KV
    #[arg(long, value_name = "URL")]
    pub(crate) consul: Vec<String>,
    /// The agents' port, where a node is given or found without
    #[arg(long, default_value_t = 4000)]
    pub(crate) port: u16,
    /// Which plugin of Telegraf's
    #[arg(long, value_enum, default_value_t = TelegrafPlugin::Http)]
    pub(crate) plugin: TelegrafPlugin,
    /// Begin with this telegraf.conf: it stays as it is, the inputs are added
    #[arg(long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,
    /// Where Telegraf writes
    #[arg(long, value_name = "URL", default_value = "http://localhost:8086")]
    pub(crate) influxdb: String,
    /// The retention policy it writes to; InfluxDB from 1.0 on calls its own `autogen`
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) retention_policy: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TelegrafPlugin {
    /// inputs.http: one URL a node, new edges come by themselves
    Http,
    /// inputs.httpjson (0.13 to 1.29): one URL an edge that there is now
    Httpjson,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TelegrafPluginArgs {
    #[command(flatten)]
    pub(crate) agent: AgentArgs,
    /// Time between two prints
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "10s")]
    pub(crate) interval: Duration,
    /// Print only when told, by a line on standard input or by SIGUSR1
    #[arg(long, conflicts_with = "interval")]
    pub(crate) on_signal: bool,
    /// Write counters as integers; as floats by default, as the JSON plugins of Telegraf do
    #[arg(long)]
    pub(crate) integers: bool,
    /// The measurement
    #[arg(long, value_name = "NAME", default_value = "httpjson_svcstats")]
    pub(crate) measurement: String,
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
