//! The terminal side of svcflow: arguments, tables, the live view, and one place where errors become an exit code.

mod args;
mod client;
mod commands;
mod document;
mod exit;
mod output;
mod table;
mod top;
mod units;

pub use args::Args;
pub use exit::{CliError, finish};

use args::Command;

/// Runs one command to its end.
///
/// # Errors
/// Whatever stopped it; [`finish`] prints that as one line and chooses the exit code.
pub fn run(args: &Args) -> Result<(), CliError> {
    match &args.command {
        Command::Edges(options) => commands::edges::run(options),
        Command::Top(options) => top::run(options),
        Command::Completions { shell } => commands::install::completions(*shell),
        Command::Man { dir } => commands::install::man(dir.as_deref()),
    }
}
