//! Deleting points and series.

use super::{Failure, Parser, Result};
use crate::error::Fault;
use crate::{Delete, DropSeries, Expr, Measurement};

impl Parser<'_> {
    /// What follows `DELETE`.
    pub(super) fn delete(&mut self) -> Result<Delete> {
        let (from, condition) = self.restriction()?;
        Ok(Delete { from, condition })
    }

    /// What follows `DROP SERIES`.
    pub(super) fn drop_series(&mut self) -> Result<DropSeries> {
        let (from, condition) = self.restriction()?;
        Ok(DropSeries { from, condition })
    }

    /// Both apply to all retention policies of the database in use, and say so by refusing to name one.
    fn restriction(&mut self) -> Result<(Vec<Measurement>, Option<Expr>)> {
        let first = self.peek();
        let from = self.restricted_to()?;
        for measurement in &from {
            if measurement.retention_policy.is_some() {
                return Err(Failure::new(Fault::PolicyNotSupported, measurement.span));
            }
            if measurement.database.is_some() {
                return Err(Failure::new(Fault::DatabaseNotSupported, measurement.span));
            }
        }
        let condition = self.condition()?;
        if from.is_empty() && condition.is_none() {
            return Err(Self::expected(&first, &["FROM", "WHERE"]));
        }
        Ok((from, condition))
    }
}
