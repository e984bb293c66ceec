//! The syntax tree: what InfluxDB 1.6.7's parser lets through, no more.
//!
//! Two trees are equal when they say the same: a [`Span`] is no part of that.

mod data;
mod expr;
mod literal;
mod manage;
mod select;
mod show;
mod source;
mod span;
mod statement;
mod users;

pub use data::{Delete, DropSeries};
pub(crate) use expr::COMPARISON;
pub use expr::{
    Binary, BinaryOp, Call, DataType, Distinct, Expr, Logic, LogicOp, Paren, Reference, Wildcard,
    WildcardKind,
};
pub use literal::{Duration, Literal};
pub use manage::{
    AlterRetentionPolicy, ContinuousQuery, CreateDatabase, CreateRetentionPolicy,
    CreateSubscription, DatabasePolicy, DestinationMode, DropSubscription, OnDatabase, Resample,
    RetentionDuration,
};
pub use select::{Dimension, Explain, Field, Fill, Page, Select, SortOrder, TimeDimension};
pub use show::{
    Cardinality, Scope, Show, ShowCardinality, ShowFieldKeys, ShowMeasurements, ShowSeries,
    ShowTagKeys, ShowTagValues, TagKeyFilter,
};
pub use source::{Measurement, MeasurementName, Source, Target};
pub use span::Span;
pub use statement::Statement;
pub use users::{CreateUser, Grant, Password, Privilege, SetPassword};
