//! The terminal side of svcflow: arguments, tables, the live view, and one place where errors become an exit code.

mod answer;
mod args;
mod client;
mod commands;
mod document;
mod exit;
mod output;
mod settings;
mod table;
mod top;
mod units;
mod until;

pub use args::Args;
pub use exit::{CliError, finish};

use args::{Command, ConfigAction, ConfigOf};

/// Runs one command to its end.
///
/// # Errors
/// Whatever stopped it; [`finish`] prints that as one line and chooses the exit code.
pub fn run(args: &Args) -> Result<(), CliError> {
    log();
    open_many_files();
    match &args.command {
        Command::Demo(options) => commands::demo::run(options),
        Command::Agent(options) => commands::agent::run(options),
        Command::Server(options) => commands::server::run(options),
        Command::Standalone(options) => commands::server::standalone(options),
        Command::Query(options) => commands::query::run(options),
        Command::Config { action: ConfigAction::Check { file, kind } } => match kind {
            ConfigOf::Agent => commands::agent::check(file),
            ConfigOf::Server => commands::server::check(file),
        },
        Command::Record(options) => commands::trace::record(options),
        Command::Replay(options) => commands::trace::replay(options),
        Command::Edges(options) => commands::edges::run(options),
        Command::Endpoints(options) => commands::endpoints::run(options),
        Command::TelegrafConfig(options) => commands::telegraf::config::run(options),
        Command::TelegrafPlugin(options) => commands::telegraf::plugin::run(options),
        Command::LabHost(options) => commands::demo::host(options),
        Command::Top(options) => top::run(options, &until::Until::default()),
        Command::Completions { shell } => commands::install::completions(*shell),
        Command::Man { dir } => commands::install::man(dir.as_deref()),
    }
}

/// A server keeps a connection to each agent and files of its store open. Shells and systemd give 1,024 and allow more,
/// for the sake of programs that use select(2).
fn open_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it may not be raised, what it forbids fails by itself and says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Warnings on standard error; `RUST_LOG` asks for more.
fn log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .try_init();
}
