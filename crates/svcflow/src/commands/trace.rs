//! `svcflow record` and `svcflow replay`.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;
use svcflow_accounting::{Accounting, Limits};
use svcflow_model::{EdgeRow, Epoch};
use svcflow_source::{TraceError, TraceReader, TraceWriter};

use super::serving::interrupt_flag;
use crate::args::{RecordOptions, ReplayOptions};
use crate::exit::CliError;
use crate::output;

/// How long the recorder listens between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

pub(crate) fn record(options: &RecordOptions) -> Result<(), CliError> {
    let failed = |source| CliError::Write { path: options.file.clone(), source };
    let mut source = svcflow_source::open(options.source)?;
    let file = File::create(&options.file).map_err(failed)?;
    let mut writer = TraceWriter::new(BufWriter::new(file)).map_err(CliError::Trace)?;
    let (interrupted, _runtime) = interrupt_flag()?;
    let began = Instant::now();
    let over = || options.duration.is_some_and(|duration| began.elapsed() >= duration);
    output::say(&format!("recording {} until interrupted", source.description().name));
    svcflow_source::record(source.as_mut(), &mut writer, INTERVAL, || {
        interrupted.load(Ordering::Relaxed) || over()
    })?;
    writer.finish().map_err(CliError::Trace)?.into_inner().map_err(|e| failed(e.into_error()))?;
    let size = std::fs::metadata(&options.file).map_err(failed)?.len();
    let written = format!(
        "{} of {} in {}: try `svcflow replay {2}`",
        crate::units::bytes(size),
        source.description().name,
        options.file.display()
    );
    output::say(&written);
    Ok(())
}

pub(crate) fn replay(options: &ReplayOptions) -> Result<(), CliError> {
    let mut accounting = Accounting::new(Epoch(0), Limits::default());
    let ended = read(&options.file, &mut accounting);
    if let Err(CliError::Trace(TraceError::CutOff { .. })) = &ended {
        output::say("the trace was cut off; this is what came before");
    }
    let mut rows: Vec<_> =
        accounting.edges().map(|sample| EdgeRow::of("replay", &sample)).collect();
    rows.sort();
    let losses = accounting.losses();
    let text = if options.json {
        format!("{}\n", json!({ "edges": rows, "losses": losses }))
    } else {
        super::edges::plain(&rows, losses, output::colour())
    };
    output::print(&text)?;
    match ended {
        Err(CliError::Trace(TraceError::CutOff { .. })) => Ok(()),
        ended => ended,
    }
}

fn read(file: &Path, accounting: &mut Accounting) -> Result<(), CliError> {
    let open = File::open(file);
    let open = open.map_err(|source| CliError::Read { path: file.to_owned(), source })?;
    let mut trace = TraceReader::new(BufReader::new(open)).map_err(CliError::Trace)?;
    trace.replay(accounting).map_err(CliError::Trace)
}
