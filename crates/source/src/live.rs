//! A kernel source as a [`TrafficSource`]: its frames, interpreted as they come; or written to a trace.

use std::io::Write;
use std::time::{Duration, SystemTime};

use svcflow_model::{ObservationSink, Timestamp};

use crate::{Description, Frame, SourceError, TraceWriter, TrafficSource};

/// Takes frames as they are read.
pub type EachFrame<'a> = dyn FnMut(&Frame<'_>) + 'a;

/// A source of raw frames from the kernel.
pub trait FrameSource: Send {
    /// Which source this is, why it was chosen, and what it can't see.
    fn description(&self) -> &Description;

    /// Hands over what arrives by itself until `timeout` is over.
    ///
    /// # Errors
    /// Where the source can't go on.
    fn listen(&mut self, timeout: Duration, each: &mut EachFrame<'_>) -> Result<(), SourceError>;

    /// Takes one look.
    ///
    /// # Errors
    /// Where the source can't go on.
    fn look(&mut self, each: &mut EachFrame<'_>) -> Result<(), SourceError>;
}

/// A frame source whose frames are interpreted at once.
pub struct Live {
    frames: Box<dyn FrameSource>,
}

impl Live {
    /// Interprets what `frames` reads.
    #[must_use]
    pub fn new(frames: Box<dyn FrameSource>) -> Self {
        Self { frames }
    }
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

impl TrafficSource for Live {
    fn description(&self) -> &Description {
        self.frames.description()
    }

    fn listen(
        &mut self,
        timeout: Duration,
        sink: &mut dyn ObservationSink,
    ) -> Result<(), SourceError> {
        self.frames.listen(timeout, &mut |frame| frame.interpret(now(), sink))
    }

    fn look(&mut self, sink: &mut dyn ObservationSink) -> Result<(), SourceError> {
        self.frames.look(&mut |frame| frame.interpret(now(), sink))
    }
}

/// Records a source into `writer`: a look, then listening for `interval`, until `stop` says so, and a
/// last look. What was written is flushed at each look, so a killed recorder loses one interval at most.
///
/// # Errors
/// Where the source or the output fails; what was written stays readable.
pub fn record<W: Write>(
    frames: &mut dyn FrameSource,
    writer: &mut TraceWriter<W>,
    interval: Duration,
    mut stop: impl FnMut() -> bool,
) -> Result<(), SourceError> {
    loop {
        let last = stop();
        write_frames(writer, |each| frames.look(each))?;
        writer.flush().map_err(SourceError::failed("writing the trace"))?;
        if last {
            return Ok(());
        }
        write_frames(writer, |each| frames.listen(interval, each))?;
    }
}

fn write_frames<W: Write>(
    writer: &mut TraceWriter<W>,
    read: impl FnOnce(&mut EachFrame<'_>) -> Result<(), SourceError>,
) -> Result<(), SourceError> {
    let mut written = Ok(());
    read(&mut |frame| {
        if written.is_ok() {
            written = writer.write(now(), frame);
        }
    })?;
    written.map_err(SourceError::failed("writing the trace"))
}
