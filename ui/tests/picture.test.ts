import { describe, expect, it } from "vitest";

import { StandIn } from "../standin/server";
import { map as mapOf } from "../standin/map";
import { Traffic } from "../standin/traffic";
import { HOSTILE_NAMES, WORLDS } from "../standin/worlds";
import type { Series } from "../src/api/types";
import { chosen, COLUMNS, nextSort, USUAL } from "../src/lib/columns";
import { seriesCsv } from "../src/lib/copy";
import { draw } from "../src/lib/drawing";
import { describe as describeIt, find } from "../src/lib/facts";
import { arrange } from "../src/lib/layout";
import { closedHeight } from "../src/lib/metrics";
import { escape, picture } from "../src/lib/picture";
import { cardOf } from "../src/lib/focus";

const NOW = 1_767_225_605_000;

function mapFor(world: string, query = "") {
  const build = WORLDS[world];
  if (build === undefined) throw new Error(world);
  const traffic = new Traffic(build(), { started: NOW, interval: 10_000, now: () => NOW });
  return mapOf(traffic, new URLSearchParams(query));
}

function drawn(world: string, query = "") {
  const map = mapFor(world, query);
  const boxes = map.nodes.map((card) => ({ id: card.id, kind: card.kind, height: closedHeight(card) }));
  return draw(map, arrange(boxes, map.edges.map(({ from, to }) => ({ from: cardOf(from), to: cardOf(to) })), {}));
}

describe("picture", () => {
  it("is one self-contained SVG with every card, row and line", () => {
    const { svg, width, height } = picture(drawn("demo", "expand=service:default:app-svc"), () => "rgb(1, 2, 3)", "title");
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg).not.toMatch(/href|url\(|<style|<script|<image/i);
    for (const text of ["default:app-svc", "default:app-db", "clients", "10.1.1.14", "tier=web"]) expect(svg).toContain(text);
    expect(width).toBeGreaterThan(900);
    expect(height).toBeGreaterThan(400);
  });

  it("shows hostile names as text", () => {
    const { svg } = picture(drawn("hostile"), () => "red", HOSTILE_NAMES.join(" "));
    expect(svg).not.toMatch(/<img|<script|alert\(1\)">/);
    expect(svg).toContain("&lt;img");
    expect(escape("a\u0000\u001Fb\uD800<&\">")).toBe("a��b�&lt;&amp;&quot;&gt;");
  });

  it("draws the labels that tell a card from others first", () => {
    expect(drawn("demo").cards.find(({ card }) => card.name === "default:app-db")?.labels[0]).toBe("tier=db");
  });
});

describe("what the panel says", () => {
  it("finds cards, members and edges, and nothing for what isn't there", () => {
    const map = mapFor("demo", "expand=service:default:app-svc");
    const card = find(map, "service:default:app-svc");
    expect(card?.is).toBe("card");
    if (card !== null) expect(describeIt(card, NOW)).toMatchObject({ kind: "Service", state: "stale", partly: true, sides: true });
    expect(find(map, "service:default:app-svc!10.1.1.5")?.is).toBe("member");
    expect(find(map, "clients~service:default:app-db")?.is).toBe("edge");
    expect(find(map, "clients~nobody")).toBeNull();
    expect(find(map, "service:gone")).toBeNull();
    expect(find(null, "clients")).toBeNull();
  });
});

describe("table and copies", () => {
  it("chooses columns and turns sorts", () => {
    expect(chosen([]).map(({ key }) => key)).toEqual(USUAL);
    expect(chosen(["bytes_in", "node", "nonsense"]).map(({ key }) => key)).toEqual(["node", "bytes_in"]);
    expect(chosen(["nonsense"]).length).toBe(USUAL.length);
    const bytes = COLUMNS.find(({ key }) => key === "bytes_in");
    const node = COLUMNS.find(({ key }) => key === "node");
    if (bytes === undefined || node === undefined) throw new Error("columns");
    expect([nextSort("node", bytes), nextSort("-bytes_in", bytes), nextSort("bytes_in", bytes), nextSort("x", node)]).toEqual(["-bytes_in", "bytes_in", "-bytes_in", "node"]);
  });

  it("copies the series that is seen, gaps left empty", () => {
    const series = { times: [0, 10_000], bytes_in: [1.5, null], bytes_out: [2, null], packets_in: [3, null], packets_out: [4, 0] } as unknown as Series;
    expect(seriesCsv(series).split("\r\n").slice(1)).toEqual(["1970-01-01T00:00:00.000Z,1.5,2,3,4", "1970-01-01T00:00:10.000Z,,,,0", ""]);
  });
});

describe("stand-in", () => {
  it("refuses a world that it doesn't have", () => {
    expect(() => new StandIn({ world: "none" })).toThrow(/demo/);
  });
});
