// Short names for what `schema.d.ts` (generated from openapi.json) holds.
import type { components, paths } from "./schema";

type Schemas = components["schemas"];

export type Card = Schemas["Card"];
export type Edges = Schemas["Edges"];
export type EdgeRow = Schemas["EdgeRow"];
export type ErrorDocument = Schemas["Error"];
export type Graph = Schemas["Graph"];
export type Hello = Schemas["Hello"];
export type LossKind = Schemas["LossKind"];
export type MapDocument = Schemas["Map"];
export type MapEdge = Schemas["MapEdge"];
export type Mark = Schemas["Mark"];
export type Member = Schemas["Member"];
export type Node = Schemas["Node"];
export type NodeLoss = Schemas["NodeLoss"];
export type Nodes = Schemas["Nodes"];
export type Notice = Schemas["Notice"];
export type Range = Schemas["Range"];
export type Rates = Schemas["Rates"];
export type Series = Schemas["Series"];
export type Side = Schemas["Side"];
export type State = Schemas["State"];
export type Tick = Schemas["Tick"];
export type Topology = Schemas["Topology"];
export type Totals = Schemas["Totals"];
export type Traffic = Schemas["Traffic"];
export type Waiting = Schemas["Waiting"];

type QueryOf<Path extends keyof paths> = NonNullable<paths[Path]["get"]["parameters"]["query"]>;

export type MapQuery = QueryOf<"/api/v1/map">;
export type SeriesQuery = QueryOf<"/api/v1/series">;
export type EdgesQuery = QueryOf<"/api/v1/edges">;
export type GraphQuery = QueryOf<"/api/v1/graph">;
export type NodesQuery = QueryOf<"/api/v1/nodes">;
