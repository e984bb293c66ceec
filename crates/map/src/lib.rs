//! From counters and names to what the page shows, without I/O.
//!
//! A reader of the store keeps a [`Catalogue`] of edges and each node's [`Coverage`], follows each edge's
//! rows through a [`Window`] ([`Follow`], [`Shape`]) and puts the outcome into [`Readings`]. Of these
//! [`map`](map()), [`edges`](edges()), [`graph`](graph()) and [`plan`] make the API's documents: filtered, grouped, cut with an
//! accounted rest. Every selected edge is in exactly one map edge, so totals add up.

mod catalogue;
mod coverage;
mod csv;
pub mod document;
mod edges;
mod filter;
mod follow;
mod graph;
mod grouping;
mod increase;
mod influxql;
pub mod intern;
mod loss;
mod map;
mod marks;
mod naming;
mod notice;
mod pick;
mod place;
mod readings;
mod series;
mod sums;
mod time;
mod topology;
mod window;

pub use catalogue::{AddressId, Catalogue, EdgeId, EdgeKey, NodeId, ServiceAddress, ServiceId};
pub use coverage::{Coverage, MISSED_MAX};
pub use csv::csv;
pub use edges::{Column, EdgesRequest, NoColumn, Sort, edges};
pub use filter::{Filter, FilterError};
pub use follow::{Follow, Observed, PARTS, Shape, known_parts};
pub use graph::graph;
pub use grouping::{Group, NoGroup};
pub use increase::{Counting, Stretch, Summed};
pub use loss::{LossTimeline, Losses, node_losses};
pub use map::{CARDS_DEFAULT, Context, MapRequest, map};
pub use marks::{MarkSet, MarkTimeline};
pub use naming::Homes;
pub use notice::{NodeHistory, nodes, notices};
pub use place::{NoPlace, Place, Stop, edge_id};
pub use readings::Readings;
pub use series::{Columns, NodeColumns, SeriesPlan, SeriesRequest, Steps, plan};
pub use time::{Buckets, Grid, Millis, Slot, Span, in_words};
pub use topology::topology;
pub use window::{Asked, Clock, EmptyRange, Window};
