//! Parameters as OpenAPI describes them; [`Query`](crate::api::query::Query) reads them.
#![allow(dead_code, reason = "they only describe")]

use svcflow_map::document::Side;
use utoipa::IntoParams;

macro_rules! parameters {
    ($(#[$about:meta])* $name:ident { $($(#[$more:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(IntoParams)]
        #[into_params(parameter_in = Query)]
        pub(super) struct $name {
            $($(#[$more])* $field: $kind,)*
        }
    };
}

parameters! {
    /// Of the map.
    Map {
        /// Start of the range, or, where negative, milliseconds before `until`. By default five minutes before `until`.
        from: Option<i64>,
        /// End of the range. By default, and at most, the end of the last accounted interval.
        until: Option<i64>,
        /// Rates are those of the last whole step that ended at or before this instant, which is clipped to the
        /// range; its end by default. The step is the interval; longer where the store keeps less.
        at: Option<i64>,
        /// Which edges: see the top.
        #[param(max_length = 4096, default = "")]
        filter: Option<String>,
        /// What a card is: `service`, `endpoint` (each address a card), `node` (where the address lives), or
        /// `label:KEY` (by value; addresses without the label stay in `clients`, `outside` or their service).
        #[param(default = "service", pattern = "^(service|endpoint|node|label:.+)$")]
        group: Option<String>,
        /// Ids of cards to give with their members; may be repeated. One that isn't there is ignored.
        #[param(explode = true, max_items = 200)]
        expand: Option<Vec<String>>,
        /// The greatest number of cards, without `rest`.
        #[param(minimum = 1, maximum = 500, default = 150)]
        limit: Option<i64>,
    }
}

parameters! {
    /// Of a series.
    Series {
        /// A card, member, map edge or edge; `all` for everything that the filter selects.
        #[param(min_length = 1, max_length = 16384)]
        id: String,
        /// Start of the range, or, where negative, milliseconds before `until`. By default five minutes before `until`.
        from: Option<i64>,
        /// End of the range. By default, and at most, the end of the last accounted interval.
        until: Option<i64>,
        /// Which edges: see the top.
        #[param(max_length = 4096, default = "")]
        filter: Option<String>,
        /// What a card is: `service`, `endpoint` (each address a card), `node` (where the address lives), or
        /// `label:KEY` (by value; addresses without the label stay in `clients`, `outside` or their service).
        #[param(default = "service", pattern = "^(service|endpoint|node|label:.+)$")]
        group: Option<String>,
        /// Of a card or member: the edges that end there (`served`) or begin there (`asked`). A series is by
        /// default of those served, where there are any, else of those asked; a table of both.
        #[param(inline)]
        side: Option<Side>,
        /// Values at most.
        #[param(minimum = 2, maximum = 2000, default = 300)]
        points: Option<i64>,
    }
}

parameters! {
    /// Of the table.
    Edges {
        /// Start of the range, or, where negative, milliseconds before `until`. By default five minutes before `until`.
        from: Option<i64>,
        /// End of the range. By default, and at most, the end of the last accounted interval.
        until: Option<i64>,
        /// Rates are those of the last whole step that ended at or before this instant, which is clipped to the
        /// range; its end by default. The step is the interval; longer where the store keeps less.
        at: Option<i64>,
        /// Which edges: see the top.
        #[param(max_length = 4096, default = "")]
        filter: Option<String>,
        /// What a card is: `service`, `endpoint` (each address a card), `node` (where the address lives), or
        /// `label:KEY` (by value; addresses without the label stay in `clients`, `outside` or their service).
        #[param(default = "service", pattern = "^(service|endpoint|node|label:.+)$")]
        group: Option<String>,
        /// Only the edges that this card, member, map edge or edge is made of.
        #[param(min_length = 1, max_length = 16384)]
        of: Option<String>,
        /// Of a card or member: the edges that end there (`served`) or begin there (`asked`). A series is by
        /// default of those served, where there are any, else of those asked; a table of both.
        #[param(inline)]
        side: Option<Side>,
        /// A column of `EdgeRow` (not `id`, `marks`), `-` before it for descending. Ties are in order of id. Unknown
        /// comes last.
        #[param(default = "-bytes_in", pattern = "^-?[a-z_]+$")]
        sort: Option<String>,
        /// Rows before the first.
        #[param(minimum = 0, default = 0)]
        offset: Option<i64>,
        /// 0: all. By default 200, for CSV all.
        #[param(minimum = 0, default = 200)]
        limit: Option<i64>,
        /// In which form.
        #[param(inline)]
        format: Option<Format>,
        /// For CSV, the columns and their order, separated by commas; all by default.
        columns: Option<String>,
    }
}

parameters! {
    /// Of the graph.
    Graph {
        /// Start of the range, or, where negative, milliseconds before `until`. By default five minutes before `until`.
        from: Option<i64>,
        /// End of the range. By default, and at most, the end of the last accounted interval.
        until: Option<i64>,
        /// Rates are those of the last whole step that ended at or before this instant, which is clipped to the
        /// range; its end by default. The step is the interval; longer where the store keeps less.
        at: Option<i64>,
        /// Which edges: see the top.
        #[param(max_length = 4096, default = "")]
        filter: Option<String>,
    }
}

parameters! {
    /// Of the topology.
    Topology {
        /// As it was then; now by default.
        at: Option<i64>,
    }
}

parameters! {
    /// Of the nodes.
    Nodes {
        /// Start of the range, or, where negative, milliseconds before `until`. By default five minutes before `until`.
        from: Option<i64>,
        /// End of the range. By default, and at most, the end of the last accounted interval.
        until: Option<i64>,
    }
}

/// In which form.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase", default = "json")]
pub(super) enum Format {
    Json,
    Csv,
}
