// Every answer is as openapi.json says, and adds up. Against the stand-in; against a real server where
// SVCFLOW_URL names one.
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { StandIn } from "../standin/server";
import type { EdgeRow, Edges, Graph, MapDocument, Nodes, Series, Totals } from "../src/api/types";

interface Contract {
  components: { schemas: Record<string, object> };
}

const contract = JSON.parse(readFileSync("openapi.json", "utf8")) as Contract;
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema({ $id: "openapi.json", ...contract });
const ZERO: Totals = { bytes_in: 0, bytes_out: 0, packets_in: 0, packets_out: 0 };

const REAL = process.env["SVCFLOW_URL"];
const worlds = REAL === undefined ? ["demo", "hostile", "big", "empty"] : ["real"];

function validator(name: string): ValidateFunction {
  return ajv.compile({ $ref: `openapi.json#/components/schemas/${name}` });
}

function add(sum: Totals, more: Totals): Totals {
  return { bytes_in: sum.bytes_in + more.bytes_in, bytes_out: sum.bytes_out + more.bytes_out, packets_in: sum.packets_in + more.packets_in, packets_out: sum.packets_out + more.packets_out };
}

describe.each(worlds)("contract: %s", (world) => {
  let server: Server | null = null;
  let base = REAL ?? "";
  let standIn: StandIn | null = null;

  beforeAll(async () => {
    if (REAL !== undefined) return;
    standIn = new StandIn({ world });
    server = createServer((request, response) => standIn?.handle(request, response));
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(() => {
    standIn?.close();
    server?.closeAllConnections();
    server?.close();
  });

  async function get<T>(path: string, schema: string, status = 200): Promise<T> {
    const response = await fetch(new URL(`api/v1/${path}`, base));
    const answer: unknown = await response.json();
    expect(response.status, JSON.stringify(answer).slice(0, 300)).toBe(status);
    const validate = validator(schema);
    expect(validate(answer) ? [] : validate.errors?.slice(0, 5), path).toEqual([]);
    return answer as T;
  }

  /** A range that doesn't move while the test asks. */
  async function fixed(): Promise<string> {
    const { range } = await get<MapDocument>("map?limit=1", "Map");
    return range.latest === null ? "" : `from=${range.latest - 300_000}&until=${range.latest}`;
  }

  it("answers a map whose edges and rest add up to everything", async () => {
    const range = await fixed();
    for (const query of world === "big" ? [""] : ["", "&limit=5", "&group=endpoint", "&group=node", "&group=label:tier"]) {
      const map = await get<MapDocument>(`map?${range}${query}`, "Map");
      const sum = map.edges.reduce((total, { totals }) => add(total, totals), add(ZERO, map.rest.unlinked.totals));
      expect(sum, query).toEqual(map.all.totals);
      const ids = new Set(map.nodes.map(({ id }) => id));
      expect(ids.size, query).toBe(map.nodes.length);
      for (const { from, to } of map.edges) expect(ids.has(from) && ids.has(to), `${query}: ${from} ${to}`).toBe(true);
      expect((map.waiting === null) === (map.range.latest !== null)).toBe(true);
    }
  });

  it("opens every card into members, and everything still adds up", async () => {
    const range = await fixed();
    const closed = await get<MapDocument>(`map?${range}&limit=20`, "Map");
    const expand = closed.nodes.map(({ id }) => `&expand=${encodeURIComponent(id)}`).join("");
    const open = await get<MapDocument>(`map?${range}&limit=20${expand}`, "Map");
    const ends = new Set(open.nodes.flatMap(({ id, members }) => [id, ...(members ?? []).map((member) => member.id)]));
    for (const { from, to } of open.edges) expect(ends.has(from) && ends.has(to), `${from} ${to}`).toBe(true);
    expect(open.edges.reduce((total, { totals }) => add(total, totals), add(ZERO, open.rest.unlinked.totals))).toEqual(closed.all.totals);
    for (const card of open.nodes) {
      expect(card.members, card.id).not.toBeNull();
      expect((card.members?.length ?? 0) + (card.members_rest?.count ?? 0), card.id).toBe(card.size);
      const shares = (card.members ?? []).map(({ share }) => share ?? 0);
      if (card.members_rest === null && shares.some((share) => share > 0)) expect(shares.reduce((a, b) => a + b, 0), card.id).toBeCloseTo(1, 6);
    }
  });

  it("answers series that agree with the map, for every id in it", async () => {
    const range = await fixed();
    const map = await get<MapDocument>(`map?${range}`, "Map");
    const few = world === "big" ? 2 : 12;
    const ids = ["all", ...map.nodes.slice(0, few).map(({ id }) => id), ...map.edges.slice(0, few).map(({ id }) => id)];
    for (const id of ids) {
      const series = await get<Series>(`series?${range}&points=100&id=${encodeURIComponent(id)}`, "Series");
      for (const column of [series.bytes_in, series.bytes_out, series.packets_in, series.packets_out]) expect(column.length).toBe(series.times.length);
      expect(series.times.every((time, index) => index === 0 || time - (series.times[index - 1] ?? 0) === series.range.step)).toBe(true);
      const card = map.nodes.find((one) => one.id === id);
      const totals = id === "all" ? map.all.totals : card === undefined ? map.edges.find((one) => one.id === id)?.totals : (card.served ?? card.asked)?.totals;
      if (id !== "rest" && !id.includes("rest")) expect(series.totals, id).toEqual(totals ?? ZERO);
    }
  });

  it("pages, sorts and filters edges; CSV says the same", async () => {
    const range = await fixed();
    const all = await get<Edges>(`edges?${range}&limit=0&sort=-bytes_out`, "Edges");
    expect(all.rows.length).toBe(all.total);
    const page = await get<Edges>(`edges?${range}&limit=3&offset=2&sort=-bytes_out`, "Edges");
    expect(page.rows).toEqual(all.rows.slice(2, 5));
    const sizes = all.rows.map(({ bytes_out }) => bytes_out);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    const response = await fetch(new URL(`api/v1/edges?${range}&format=csv&sort=-bytes_out&columns=endpoint,provider,bytes_in,bytes_out`, base));
    expect(response.headers.get("content-type")).toMatch(/^text\/csv/);
    const lines = (await response.text()).trimEnd().split("\r\n");
    expect(lines[0]).toBe("endpoint,provider,bytes_in,bytes_out");
    expect(lines.slice(1)).toEqual(all.rows.map((row: EdgeRow) => [row.endpoint, row.provider, row.bytes_in, row.bytes_out].join(",")));
  });

  it("answers graph, nodes and topology", async () => {
    const range = await fixed();
    const { vertices, links } = await get<Graph>(`graph?${range}`, "Graph");
    for (const column of Object.values(vertices)) expect(column.length).toBe(vertices.id.length);
    for (const column of Object.values(links)) expect(column.length).toBe(links.from.length);
    expect([...links.from, ...links.to].every((place) => place < vertices.id.length)).toBe(true);
    const { nodes } = await get<Nodes>(`nodes?${range}`, "Nodes");
    expect(nodes.map(({ name }) => name)).toEqual(nodes.map(({ name }) => name).toSorted());
    await get("topology", "Topology");
  });

  it("refuses what it can't answer, in words", async () => {
    for (const query of ["map?filter=%22open", "map?group=nonsense", "map?from=5&until=4", "map?limit=0", "series", "edges?sort=nonsense", "map?from=yesterday"]) {
      await get(query, "Error", 400);
    }
    // With an agent in the same process it is the agent who doesn't know it, in its own words.
    expect((await fetch(new URL("api/v1/nonsense", base))).status).toBe(404);
    const answer = await get<{ error: { position: number } }>("map?filter=web%20%22open", "Error", 400);
    expect(answer.error.position).toBe(4);
  });

  it("greets, and says how far its data goes", async () => {
    const stop = new AbortController();
    const response = await fetch(new URL("api/v1/live", base), { signal: stop.signal });
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    let text = "";
    const decoder = new TextDecoder();
    if (response.body === null) throw new Error("no body");
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      if (/^event: [^]*\n\n/m.test(text)) break;
    }
    stop.abort();
    const blocks = text.split("\n\n").map((block) => block.split("\n"));
    const first = blocks.find((lines) => lines.some((line) => line.startsWith("event: "))) ?? [];
    expect(first).toContain("event: hello");
    const hello: unknown = JSON.parse(first.find((line) => line.startsWith("data: "))?.slice(6) ?? "null");
    expect(validator("Hello")(hello)).toBe(true);
  });
});
