use super::{Expr, Measurement};

/// `DELETE [FROM …] [WHERE …]`; at least one of the two.
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// `FROM …`, never with a database; empty is all measurements.
    pub from: Vec<Measurement>,
    /// `WHERE …`
    pub condition: Option<Expr>,
}

/// `DROP SERIES [FROM …] [WHERE …]`; at least one of the two.
#[derive(Clone, Debug, PartialEq)]
pub struct DropSeries {
    /// `FROM …`, never with a database or a retention policy; empty is all measurements.
    pub from: Vec<Measurement>,
    /// `WHERE …`
    pub condition: Option<Expr>,
}
