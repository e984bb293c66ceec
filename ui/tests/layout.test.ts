import { describe, expect, it } from "vitest";

import { arrange, DOTS, layered, settle, WIDTH, type Box, type Link, type Places } from "../src/lib/layout";

const box = (id: string, kind = "service"): Box => ({ id, kind, height: 100 });
const links = (...pairs: string[]): Link[] => pairs.map((pair) => ({ from: pair.split(">")[0] ?? "", to: pair.split(">")[1] ?? "" }));

const DEMO = [box("clients", "clients"), box("svc"), box("db"), box("outside", "outside")];
const DEMO_LINKS = links("clients>svc", "clients>db", "svc>db", "db>db", "outside>svc");

function overlaps(boxes: (Box & { open?: number })[], places: Places): string[] {
  const found: string[] = [];
  boxes.forEach((a, index) => {
    for (const b of boxes.slice(index + 1)) {
      const [p, q] = [places[a.id], places[b.id]];
      if (p === undefined || q === undefined) throw new Error(`${a.id} or ${b.id} has no place`);
      const beside = Math.abs(p.x - q.x) < WIDTH;
      if (beside && p.y < q.y + (b.open ?? b.height) && q.y < p.y + (a.open ?? a.height)) found.push(`${a.id} ${b.id}`);
    }
  });
  return found;
}

describe("layout", () => {
  it("reads from left to right: who asks, who answers, whom those ask", () => {
    const places = arrange(DEMO, DEMO_LINKS, {});
    const x = (id: string) => places[id]?.x ?? NaN;
    expect(x("clients")).toBe(0);
    expect(x("outside")).toBe(0);
    expect(x("svc")).toBeGreaterThan(x("clients"));
    expect(x("db")).toBeGreaterThan(x("svc"));
    expect(overlaps(DEMO, places)).toEqual([]);
    for (const place of Object.values(places)) expect([place.x % 4, place.y % 4]).toEqual([0, 0]);
  });

  it("is the same for the same map, and indifferent to the order of links", () => {
    expect(arrange(DEMO, [...DEMO_LINKS].reverse(), {})).toEqual(arrange(DEMO, DEMO_LINKS, {}));
  });

  it("draws cycles instead of failing on them", () => {
    const boxes = ["a", "b", "c"].map((id) => box(id));
    const places = arrange(boxes, links("a>b", "b>c", "c>a", "b>a"), {});
    expect(new Set(Object.values(places).map(({ x }) => x)).size).toBe(3);
  });

  it("keeps old cards where they are and finds free places for new ones", () => {
    const kept = arrange(DEMO, DEMO_LINKS, {});
    const more = [...DEMO, box("cache"), box("lone"), box("rest", "other")];
    const places = arrange(more, [...DEMO_LINKS, ...links("svc>cache")], kept);
    for (const { id } of DEMO) expect(places[id], id).toEqual(kept[id]);
    expect(places["cache"]?.x).toBe(kept["db"]?.x);
    expect(overlaps(more, places)).toEqual([]);
  });

  it("arranges anew where most are new, but what was put by hand stays", () => {
    const boxes = ["a", "b", "c", "d", "e"].map((id) => box(id));
    const places = arrange(boxes, links("a>b", "b>c"), { a: { x: 1_000, y: 2_000, pinned: true }, b: { x: 9, y: 9 } });
    expect(places["a"]).toEqual({ x: 1_000, y: 2_000, pinned: true });
    expect(places["b"]).not.toEqual({ x: 9, y: 9 });
  });

  it("moves down only what stands below an open card, and back when it closes", () => {
    const places: Places = { a: { x: 0, y: 0 }, b: { x: 0, y: 124 }, c: { x: 0, y: 900 }, d: { x: 400, y: 50 } };
    const boxes = ["a", "b", "c", "d"].map((id) => ({ ...box(id), open: id === "a" ? 400 : 100 }));
    const settled = settle(boxes, places);
    expect(settled).toEqual({ ...places, b: { x: 0, y: 424 } });
    expect(overlaps(boxes, settled)).toEqual([]);
    expect(settle(boxes.map((one) => ({ ...one, open: 100 })), places)).toEqual(places);
  });

  it("never lets cards overlap, whatever is open, hand-placed or new", () => {
    let seed = 11;
    const next = (most: number) => (seed = (seed * 48_271) % 2_147_483_647) % most;
    for (let round = 0; round < 60; round += 1) {
      const boxes = Array.from({ length: 2 + next(40) }, (_, index) => ({ ...box(`b${index}`), height: 92 + 20 * next(2) }));
      const some = Array.from({ length: next(80) }, () => ({ from: `b${next(boxes.length)}`, to: `b${next(boxes.length)}` }));
      let places = arrange(boxes.slice(0, 1 + next(boxes.length)), some, {});
      if (next(2) === 0) places["b0"] = { x: next(900), y: next(900), pinned: true };
      places = arrange(boxes, some, places);
      const open = boxes.map((one) => ({ ...one, open: one.height + (next(3) === 0 ? 28 * next(20) : 0) }));
      expect(overlaps(open, settle(open, places)), `round ${round}`).toEqual([]);
    }
  });

  it("lays out 7,000 dots and 30,000 links in a moment, none on another", () => {
    const boxes = Array.from({ length: 7_000 }, (_, index) => ({ id: `v${index}`, kind: "", height: 8 }));
    const many = Array.from({ length: 30_000 }, (_, index) => ({ from: `v${(index * 7) % 7_000}`, to: `v${(index * 13 + 5) % 7_000}` }));
    const began = process.cpuUsage();
    const places = layered(boxes, many, DOTS);
    expect(process.cpuUsage(began).user / 1_000, "milliseconds of processor time").toBeLessThan(5_000);
    expect(new Set(Object.values(places).map(({ x, y }) => `${x} ${y}`)).size).toBe(7_000);
  });
});
