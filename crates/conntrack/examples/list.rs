//! Prints what `conntrack -L` prints. As root, or within `unshare -Urn`.

use std::io::{BufWriter, Write, stdout};

use svcflow_conntrack::{Conntrack, Error, Filter};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = BufWriter::new(stdout().lock());
    Conntrack::open()?.dump(&Filter::default(), |entry| {
        // A closed pipe ends the list early; it is no fault of the dump.
        writeln!(out, "{entry}").map_err(|source| Error::System { operation: "print", source })
    })?;
    out.flush()?;
    Ok(())
}
