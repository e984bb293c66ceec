//! `SHOW DATABASES` for somebody who may not see all of them.

use svcflow_query::{Column, ResultSink, SeriesFrame, SinkClosed, Validity, Values};

use crate::auth::User;

/// Lets the names through that a user may read or write to.
pub(crate) struct Visible<'a> {
    sink: &'a mut dyn ResultSink,
    user: &'a User,
}

impl<'a> Visible<'a> {
    pub(crate) fn new(sink: &'a mut dyn ResultSink, user: &'a User) -> Self {
        Self { sink, user }
    }
}

impl ResultSink for Visible<'_> {
    fn frame(&mut self, frame: &SeriesFrame<'_>) -> Result<(), SinkClosed> {
        // Anything but the one column of names has nothing to hide in it.
        let [Column { values: Values::String(names), .. }] = frame.values else {
            return if frame.rows.is_empty() { self.sink.frame(frame) } else { Ok(()) };
        };
        let sees = |name: &str| self.user.may_read(name) || self.user.may_write(name);
        let shown = names.get(frame.rows.clone()).unwrap_or_default();
        let seen: Vec<_> = shown.iter().filter(|name| sees(name)).cloned().collect();
        let rows = 0..seen.len();
        let values = [Column { values: Values::String(seen), validity: Validity::All }];
        self.sink.frame(&SeriesFrame { values: &values, rows, ..frame.clone() })
    }
}
