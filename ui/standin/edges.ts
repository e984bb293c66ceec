// GET /api/v1/edges, as JSON and as CSV, and GET /api/v1/graph
import type { EdgeRow, Edges, Graph } from "../src/api/types";
import { Grouping, within } from "./grouping";
import { integer, rangeOf, Refusal, selectEdges } from "./select";
import { compare, type Traffic } from "./traffic";
import type { RawEdge } from "./world";

export const COLUMNS = [
  "id", "node", "endpoint", "endpoint_name", "service", "service_port", "service_name", "provider", "provider_port", "provider_name",
  "protocol", "relation", "rate_bytes_in", "rate_bytes_out", "rate_packets_in", "rate_packets_out", "bytes_in", "bytes_out",
  "packets_in", "packets_out", "state", "marks", "first", "last",
] as const satisfies readonly (keyof EdgeRow)[];

export function edges(traffic: Traffic, query: URLSearchParams, csv: boolean): Edges | string {
  const times = rangeOf(traffic, query);
  const grouping = new Grouping(traffic.world, query.get("group") ?? "service");
  const of = query.get("of");
  const side = query.get("side") === "served" ? "served" : query.get("side") === "asked" ? "asked" : null;
  const selected = selectEdges(traffic.world, query.get("filter") ?? "").filter(of === null ? () => true : within(grouping, of, side));
  const rows = selected.map((edge) => row(traffic, times, edge)).sort(order(query.get("sort") ?? "-bytes_in"));
  const offset = integer(query, "offset", 0, Number.MAX_SAFE_INTEGER) ?? 0;
  const limit = (integer(query, "limit", 0, Number.MAX_SAFE_INTEGER) ?? (csv ? 0 : 200)) || rows.length;
  const page = rows.slice(offset, offset + limit);
  return csv ? toCsv(page, query.get("columns")) : { range: times.range, total: rows.length, offset, rows: page };
}

function row(traffic: Traffic, { span, step, range }: ReturnType<typeof rangeOf>, edge: RawEdge): EdgeRow {
  const { rates, totals } = traffic.sum([edge], span, step);
  const { state, since } = traffic.state(edge, step.until);
  const name = (address: string) => traffic.world.owners.get(address)?.name ?? "";
  return {
    id: edge.id,
    node: edge.node,
    endpoint: edge.endpoint,
    endpoint_name: name(edge.endpoint),
    service: edge.service?.address ?? null,
    service_port: edge.service?.port ?? null,
    service_name: edge.service?.name ?? null,
    provider: edge.provider,
    provider_port: edge.providerPort,
    provider_name: name(edge.provider),
    protocol: edge.protocol,
    relation: edge.relation,
    rate_bytes_in: rates?.bytes_in ?? null,
    rate_bytes_out: rates?.bytes_out ?? null,
    rate_packets_in: rates?.packets_in ?? null,
    rate_packets_out: rates?.packets_out ?? null,
    ...totals,
    state,
    marks: edge.marks,
    first: traffic.origin,
    last: since ?? range.until,
  };
}

function order(sort: string): (a: EdgeRow, b: EdgeRow) => number {
  const descending = sort.startsWith("-");
  const column = COLUMNS.find((name) => name === sort.replace(/^-/, "") && name !== "id" && name !== "marks");
  if (column === undefined) throw new Refusal(400, `sort: there is no column ${sort}.`);
  return (a, b) => {
    const [x, y] = [a[column], b[column]];
    if (x === null || y === null) return Number(x === null) - Number(y === null) || compare(a.id, b.id);
    const less = typeof x === "number" && typeof y === "number" ? x - y : compare(String(x), String(y));
    return (descending ? -less : less) || compare(a.id, b.id);
  };
}

function toCsv(rows: EdgeRow[], asked: string | null): string {
  const names = asked === null ? [...COLUMNS] : asked.split(",");
  const columns = names.map((name) => {
    const column = COLUMNS.find((one) => one === name);
    if (column === undefined) throw new Refusal(400, `columns: there is no column ${name}.`);
    return column;
  });
  const lines = [columns, ...rows.map((one) => columns.map((column) => field(one, column)))];
  return lines.map((line) => `${line.join(",")}\r\n`).join("");
}

function field(row: EdgeRow, column: keyof EdgeRow): string {
  const value = row[column];
  if (value === null) return "";
  if (column === "first" || column === "last") return new Date(Number(value)).toISOString();
  if (typeof value === "number") return String(value);
  const text = Array.isArray(value) ? value.join(" ") : value;
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function graph(traffic: Traffic, query: URLSearchParams): Graph {
  const { range, step } = rangeOf(traffic, query);
  const grouping = new Grouping(traffic.world, "service");
  const places = new Map<string, number>();
  const vertices: Graph["vertices"] = { id: [], name: [], kind: [], state: [], bytes_in: [], bytes_out: [] };
  const links: Graph["links"] = { from: [], to: [], bytes_in: [], bytes_out: [] };
  const linked = new Map<string, number>();
  const vertex = (id: string, name: string, kind: number): number => {
    const there = places.get(id);
    if (there !== undefined) return there;
    places.set(id, vertices.id.length);
    vertices.id.push(id);
    vertices.name.push(name);
    vertices.kind.push(kind);
    vertices.state.push("ok");
    vertices.bytes_in.push(null);
    vertices.bytes_out.push(null);
    return vertices.id.length - 1;
  };
  const address = (one: string, provider: boolean) => {
    const card = grouping.cardOf(one);
    const kind = provider || card.startsWith("service:") ? 1 : card === "outside" ? 3 : 2;
    return vertex(`endpoint:${one}`, traffic.world.owners.get(one)?.name || one, kind);
  };
  const add = (column: (number | null)[], place: number, value: number | undefined) => {
    if (value !== undefined) column[place] = (column[place] ?? 0) + value;
  };
  for (const edge of selectEdges(traffic.world, query.get("filter") ?? "")) {
    const service = edge.service === null ? [] : [vertex(edge.service.id, edge.service.name, 0)];
    const way = [address(edge.endpoint, false), ...service, address(edge.provider, true)];
    const rates = traffic.rates(edge, step);
    const { state } = traffic.state(edge, step.until);
    for (const place of way) {
      add(vertices.bytes_in, place, rates?.bytes_in);
      add(vertices.bytes_out, place, rates?.bytes_out);
      if (state !== "ok") vertices.state[place] = state;
    }
    way.slice(1).forEach((to, index) => {
      const from = way[index] ?? 0;
      const place = linked.get(`${from} ${to}`) ?? links.from.length;
      if (place === links.from.length) {
        linked.set(`${from} ${to}`, place);
        links.from.push(from);
        links.to.push(to);
        links.bytes_in.push(null);
        links.bytes_out.push(null);
      }
      add(links.bytes_in, place, rates?.bytes_in);
      add(links.bytes_out, place, rates?.bytes_out);
    });
  }
  return { range, vertices, links, cut: 0 };
}
