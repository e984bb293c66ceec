//! What a package installs beside the binary: completions and manual pages, from the same definitions as the help.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;
use crate::exit::CliError;
use crate::output;

pub(crate) fn completions(shell: Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "svcflow", &mut script);
    Ok(output::print(&String::from_utf8_lossy(&script))?)
}

pub(crate) fn man(dir: Option<&Path>) -> Result<(), CliError> {
    let Some(dir) = dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Args::command()).render(&mut page)?;
        return Ok(output::print(&String::from_utf8_lossy(&page))?);
    };
    let failed = |source| CliError::Write { path: dir.to_owned(), source };
    std::fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(Args::command(), dir).map_err(failed)
}
