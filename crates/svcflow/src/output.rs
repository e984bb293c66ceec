//! The only place that writes to standard output and standard error.

use std::io::{IsTerminal, Write};

/// Writes to standard output at once, so that a closed pipe is an error and not a panic.
pub(crate) fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// One line for a person on standard error. Nobody is left to tell if that fails.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Whether standard output is a terminal.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Colour only on a terminal, and not where `NO_COLOR` is set to anything (no-color.org).
pub(crate) fn colour() -> bool {
    is_terminal() && !no_colour()
}

/// Whether `NO_COLOR` asks for none.
pub(crate) fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
