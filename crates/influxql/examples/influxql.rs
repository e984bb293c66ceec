//! Reads InfluxQL from the standard input, a query a line, and says how it was understood or what is wrong.

use std::io::{self, BufRead, Write};

use svcflow_influxql::{Statement, parse};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        match parse(&line) {
            Ok(statements) => {
                let text: Vec<_> = statements.iter().map(Statement::to_string).collect();
                writeln!(out, "{}", text.join("; "))?;
            }
            Err(error) => writeln!(out, "{}", error.caret(&line))?,
        }
    }
    Ok(())
}
