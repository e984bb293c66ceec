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
        /// Start of the range, or, where negative, milliseconds before `until`.
        from: Option<i64>,
        /// End of the range.
        until: Option<i64>,
        /// The instant that rates are of.
        at: Option<i64>,
        /// Which edges.
        #[param(max_length = 4096, default = "")]
        filter: Option<String>,
        /// What a card is.
        #[param(default = "service", pattern = "^(service|endpoint|node|label:.+)$")]
        group: Option<String>,
        /// Ids of cards to give with their members; may be repeated.
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
        /// Start of the range, or, where negative, milliseconds before `until`.
        from: Option<i64>,
        /// End of the range.
        until: Option<i64>,
        /// Which edges.
        #[param(max_length = 4096, default = "")]
        filter: Option<String>,
        /// What a card is.
        #[param(default = "service", pattern = "^(service|endpoint|node|label:.+)$")]
        group: Option<String>,
        /// Of a card or member: the edges that end there or begin there.
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
        /// Start of the range, or, where negative, milliseconds before `until`.
        from: Option<i64>,
        /// End of the range.
        until: Option<i64>,
        /// The instant that rates are of.
        at: Option<i64>,
        /// Which edges.
        #[param(max_length = 4096, default = "")]
        filter: Option<String>,
        /// What a card is.
        #[param(default = "service", pattern = "^(service|endpoint|node|label:.+)$")]
        group: Option<String>,
        /// Only the edges that this is made of.
        #[param(min_length = 1, max_length = 16384)]
        of: Option<String>,
        /// Of a card or member: the edges that end there or begin there.
        #[param(inline)]
        side: Option<Side>,
        /// A column, `-` before it for descending.
        #[param(default = "-bytes_in", pattern = "^-?[a-z_]+$")]
        sort: Option<String>,
        /// Rows before the first.
        #[param(minimum = 0, default = 0)]
        offset: Option<i64>,
        /// 0: all.
        #[param(minimum = 0, default = 200)]
        limit: Option<i64>,
        /// JSON or CSV.
        #[param(inline, default = "json")]
        format: Option<Format>,
        /// For CSV, the columns and their order.
        columns: Option<String>,
    }
}

parameters! {
    /// Of the graph.
    Graph {
        /// Start of the range, or, where negative, milliseconds before `until`.
        from: Option<i64>,
        /// End of the range.
        until: Option<i64>,
        /// The instant that rates are of.
        at: Option<i64>,
        /// Which edges.
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
        /// Start of the range, or, where negative, milliseconds before `until`.
        from: Option<i64>,
        /// End of the range.
        until: Option<i64>,
    }
}

/// In which form.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Format {
    Json,
    Csv,
}
