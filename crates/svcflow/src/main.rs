//! `svcflow`: the command line. Everything is composed in the library, where tests reach it.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = svcflow::Args::parse();
    svcflow::finish(svcflow::run(&args))
}
