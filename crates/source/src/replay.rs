//! A recorded trace as a [`TrafficSource`]: each look hands over the trace up to its next look's end.

use std::io::BufRead;
use std::time::Duration;

use svcflow_model::ObservationSink;

use crate::{Description, Frame, SourceError, TraceReader, TrafficSource};

/// Replays a trace. Time is the trace's own: listening returns at once.
pub struct Replay<R: BufRead> {
    trace: TraceReader<R>,
    description: Description,
    ended: bool,
}

impl<R: BufRead> Replay<R> {
    /// Replays `trace`.
    #[must_use]
    pub fn new(trace: TraceReader<R>) -> Self {
        let description = Description {
            name: "replay",
            reason: "a recorded trace was given".to_owned(),
            blind_spots: Vec::new(),
            // Some traces hold connections, some hold edges.
            follows_connections: false,
        };
        Self { trace, description, ended: false }
    }

    /// Whether the trace came to its end.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }
}

impl<R: BufRead + Send> TrafficSource for Replay<R> {
    fn description(&self) -> &Description {
        &self.description
    }

    fn listen(
        &mut self,
        _timeout: Duration,
        _sink: &mut dyn ObservationSink,
    ) -> Result<(), SourceError> {
        Ok(())
    }

    fn look(&mut self, sink: &mut dyn ObservationSink) -> Result<(), SourceError> {
        let mut looked = false;
        while !self.ended && !looked {
            let more = self.trace.next(&mut |at, frame| {
                frame.interpret(at, sink);
                looked = matches!(frame, Frame::LookEnded { .. });
            });
            self.ended = !more.map_err(SourceError::failed("replaying the trace"))?;
        }
        Ok(())
    }
}
