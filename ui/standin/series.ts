// GET /api/v1/series
import type { Rates, Series, Side } from "../src/api/types";
import { Grouping, isPlace, within } from "./grouping";
import { marksOf } from "./map";
import { notices } from "./notices";
import { integer, rangeOf, Refusal, selectEdges } from "./select";
import { bytes, type Traffic } from "./traffic";
import { withPort, type RawEdge } from "./world";

const SECOND = 1_000;
const STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 604_800].map((step) => step * SECOND);
const FIELDS = ["bytes_in", "bytes_out", "packets_in", "packets_out"] as const;

export function series(traffic: Traffic, query: URLSearchParams): Series {
  const id = query.get("id");
  if (id === null || id === "") throw new Refusal(400, "id is missing.");
  const { range, span } = rangeOf(traffic, query);
  const selected = selectEdges(traffic.world, query.get("filter") ?? "");
  const { edges, side } = pick(traffic, query, id, selected);
  const points = integer(query, "points", 2, 2_000) ?? 300;
  const step = STEPS.find((one) => one % range.interval === 0 && (span.until - span.from) / one <= points) ?? 604_800_000;
  const first = Math.ceil(span.from / step) * step;
  const parts = Math.max(0, Math.floor((span.until - first) / step));
  const times = Array.from({ length: parts }, (_, part) => first + part * step);
  const rows = traffic.rows(edges, { from: first, until: first + parts * step }, parts);
  const { totals } = traffic.sum(edges, span, span);
  const known = rows.filter((row) => row !== null);
  const whole = bytes(traffic.sum(selected, span, span).totals);
  const touching = new Set(edges.map(({ node }) => node));
  return {
    id,
    name: nameOf(traffic, id),
    side,
    range: { ...range, step },
    times,
    bytes_in: rows.map((row) => row?.bytes_in ?? null),
    bytes_out: rows.map((row) => row?.bytes_out ?? null),
    packets_in: rows.map((row) => row?.packets_in ?? null),
    packets_out: rows.map((row) => row?.packets_out ?? null),
    totals,
    average: known.length === 0 ? null : over(known, (values) => values.reduce((a, b) => a + b, 0) / values.length),
    peak: known.length === 0 ? null : over(known, (values) => Math.max(...values)),
    share: whole > 0 ? bytes(totals) / whole : null,
    marks: marksOf(edges),
    losses: notices(traffic, span).filter(({ node }) => node !== null && touching.has(node)),
    influxql: edges.length === 0 || edges.length > 50 ? null : influxql(edges, span, step),
  };
}

function pick(traffic: Traffic, query: URLSearchParams, id: string, selected: RawEdge[]): { edges: RawEdge[]; side: Side | null } {
  const grouping = new Grouping(traffic.world, query.get("group") ?? "service");
  if (!isPlace(id)) return { edges: selected.filter(within(grouping, id, null)), side: null };
  const asked = query.get("side");
  const served = selected.filter(within(grouping, id, "served"));
  const side = asked === "served" || asked === "asked" ? asked : served.length > 0 ? "served" : "asked";
  return { edges: side === "served" ? served : selected.filter(within(grouping, id, "asked")), side };
}

function nameOf(traffic: Traffic, id: string): string {
  if (id === "all") return "everything";
  const edge = traffic.world.edges.find((one) => one.id === id);
  if (edge !== undefined) {
    const service = edge.service === null ? [] : [withPort(edge.service.address, edge.service.port)];
    return [edge.endpoint, ...service, withPort(edge.provider, edge.providerPort)].join(" → ");
  }
  const place = (one: string) => {
    const [card = "", address] = one.split("!");
    return address ?? traffic.world.services.find((service) => service.id === card)?.name ?? decodeURIComponent(card);
  };
  return id.split("~").map(place).join(" → ").replace(/^endpoint:/, "");
}

function over(rows: Rates[], one: (values: number[]) => number): Rates {
  return Object.fromEntries(FIELDS.map((field) => [field, one(rows.map((row) => row[field]))])) as unknown as Rates;
}

function influxql(edges: RawEdge[], { from, until }: { from: number; until: number }, step: number): string {
  const each = edges.map((edge) => `("EndpointIP"='${edge.endpoint}' AND "ServiceIP"='${edge.service?.address ?? ""}' AND "ProviderIP"='${edge.provider}')`);
  const rates = ["BytesIn", "BytesOut", "PacketsIn", "PacketsOut"].map((field) => `sum("${field}") AS "${field}"`).join(", ");
  const inner = ["BytesIn", "BytesOut", "PacketsIn", "PacketsOut"].map((field) => `non_negative_difference(last("${field}")) AS "${field}"`).join(", ");
  const time = `time >= ${from}ms AND time < ${until}ms`;
  return `SELECT ${rates} FROM (SELECT ${inner} FROM "httpjson_svcstats" WHERE ${time} AND (${each.join(" OR ")}) GROUP BY time(${step}ms), *) WHERE ${time} GROUP BY time(${step}ms)`;
}
