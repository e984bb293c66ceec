//! Exit codes, and the one place that turns an error into a line for a person.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::client::ClientError;

/// What the shell sees. Clap itself exits with [`Exit::Usage`] on arguments it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Exit {
    Success = 0,
    Failure = 1,
    Usage = 2,
    /// The agent or the server that is asked.
    Away = 3,
}

/// What can stop a command. The display leaves the source out: [`finish`] prints the whole chain.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The agent did not answer, or not with something readable.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The agent could not be started, or its configuration has faults.
    #[error(transparent)]
    Agent(#[from] svcflow_agent::Error),
    /// The server could not be started or failed.
    #[error(transparent)]
    Server(#[from] svcflow_server::Error),
    /// The stored names could not be read, or none can be stored.
    #[error(
        "can't read the names that are stored: restore the data folder, or name another with --data"
    )]
    Names(#[source] svcflow_store::Error),
    /// A kind of source stands in two tables.
    #[error("the source of names `{name}` stands in [agent] and in [names]: give it once")]
    NamesTwice {
        /// Which.
        name: String,
    },
    /// A source of names can't be watched.
    #[error(transparent)]
    NameSource(#[from] svcflow_topology::sources::SettingsError),
    /// The collector could not be started.
    #[error(transparent)]
    Collector(#[from] svcflow_collector::Error),
    /// A configuration file has faults; all of them are listed.
    #[error("{0}")]
    Config(svcflow_settings::Faults),
    /// A connection could not be set up or gave nothing usable.
    #[error(transparent)]
    Transport(#[from] svcflow_transport::Error),
    /// No server answers.
    #[error(
        "no server answers at {url}: start one with `svcflow server`, or name another with --url"
    )]
    ServerAway {
        /// Who was asked.
        url: String,
        /// The transport's word.
        #[source]
        source: svcflow_transport::Error,
    },
    /// The query is no InfluxQL.
    #[error("{shown}")]
    QuerySyntax {
        /// The fault, the query's line, and a caret below the place.
        shown: String,
    },
    /// The server did not answer the query, or not all of it.
    #[error("{message}")]
    Query {
        /// The server's word.
        message: String,
    },
    /// A user without a secret.
    #[error("--user needs a secret: put it into the environment variable SVCFLOW_SECRET")]
    NoSecret,
    /// The answer isn't InfluxDB's.
    #[error("{url} answered something that is no InfluxDB's answer: is it one?")]
    AnswerUnreadable {
        /// Who was asked.
        url: String,
        /// Where reading stopped.
        #[source]
        source: serde_json::Error,
    },
    /// The kernel's numbers can't be read.
    #[error(transparent)]
    Source(#[from] svcflow_source::SourceError),
    /// A container engine could not be reached, or refused.
    #[error(
        "{operation} failed: is a Docker engine running at {socket}? Start one (`systemctl start docker`), name its \
         socket with --docker, or leave `--runtime docker` out"
    )]
    Engine {
        /// What was asked for.
        operation: &'static str,
        /// Where it listens.
        socket: String,
        /// What it said.
        #[source]
        source: bollard::errors::Error,
    },
    /// Only root can wire containers.
    #[error("only root may give containers a network: `sudo svcflow demo --runtime docker`")]
    NotRoot,
    /// A container is no process here.
    #[error(
        "the containers of the engine at {socket} are no processes of this host: name an engine that runs here with \
         --docker, or leave `--runtime docker` out"
    )]
    EngineElsewhere {
        /// Where it listens.
        socket: String,
    },
    /// A container serves nothing.
    #[error("container {name} does not serve: `docker logs {name}` says why")]
    ContainerSilent {
        /// Which.
        name: String,
    },
    /// The program itself could not be packed into an image.
    #[error("can't make an image of this program")]
    Image(#[source] std::io::Error),
    /// The demo's network could not be made.
    #[error(transparent)]
    Lab(#[from] svcflow_lab::Error),
    /// A trace could not be written or read.
    #[error(transparent)]
    Trace(svcflow_source::TraceError),
    /// The demo's network has no node.
    #[error("the demo's network has no node: please report it")]
    EmptyLab,
    /// The demo's edges are not what was counted.
    #[error(
        "{wrong} edges differ from the independent packet count: please send us a trace (`svcflow record`)"
    )]
    Inexact {
        /// How many.
        wrong: usize,
    },
    /// Threads, signals or sockets could not be set up.
    #[error("can't start serving: check the limits of threads and open files (`ulimit -a`)")]
    Start(#[source] std::io::Error),
    /// A file could not be read.
    #[error("could not read {path}: give an existing file", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Nothing to ask.
    #[error("no edges to ask for: name nodes that have traffic with --node, --etcd or --consul")]
    NoNodes,
    /// A registry's address is none.
    #[error(transparent)]
    Discovery(#[from] svcflow_topology::discovery::Error),
    /// TLS could not be set up.
    #[error("can't ask over TLS")]
    Tls(#[source] svcflow_transport::Error),
    /// A user's telegraf.conf can't be built on.
    #[error("{path} can't be built on: mend it first", path = path.display())]
    Base {
        /// The file.
        path: PathBuf,
        /// Where it is no TOML.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// `top` needs a terminal.
    #[error("`svcflow top` needs a terminal: for a pipe use `svcflow edges --watch --json`")]
    NoTerminal,
    /// The terminal could not be set up, drawn or read.
    #[error("the terminal could not be used")]
    Terminal(#[source] std::io::Error),
    /// Standard output could not be written.
    #[error("standard output could not be written")]
    Output(#[from] std::io::Error),
    /// A manual page could not be written.
    #[error("could not write {path}: choose a folder that you may write to", path = path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl CliError {
    fn exit(&self) -> Exit {
        match self {
            Self::Client(ClientError::Away { .. }) | Self::ServerAway { .. } => Exit::Away,
            Self::Client(ClientError::BadUrl { .. } | ClientError::InTheClear { .. })
            | Self::NoTerminal
            | Self::NoSecret => Exit::Usage,
            _ => Exit::Failure,
        }
    }

    /// A reader that closed the pipe (`svcflow edges | head`) has what it wanted.
    fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

/// Prints an error's chain as one line on standard error and gives the exit code.
#[must_use]
pub fn finish(result: Result<(), CliError>) -> ExitCode {
    let exit = match result {
        Ok(()) => Exit::Success,
        Err(error) if error.is_closed_pipe() => Exit::Success,
        Err(error @ CliError::QuerySyntax { .. }) => {
            // The caret has to stay below its place.
            crate::output::say(&format!("svcflow: {error}"));
            error.exit()
        }
        Err(error) => {
            crate::output::say(&one_line(&error));
            error.exit()
        }
    };
    ExitCode::from(exit as u8)
}

pub(crate) fn one_line(error: &dyn Error) -> String {
    let mut line = format!("svcflow: {error}");
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        next = cause.source();
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_one_line() {
        let source = std::io::Error::other("first\nsecond");
        let error = CliError::Write { path: "/x".into(), source };
        let line = one_line(&error);
        assert_eq!(
            line,
            "svcflow: could not write /x: choose a folder that you may write to: first second"
        );
    }
}
