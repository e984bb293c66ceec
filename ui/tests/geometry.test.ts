import { describe, expect, it } from "vitest";

import { lit, neighbour } from "../src/lib/focus";
import { columnsOf, curve, lineWidth, sparkline } from "../src/lib/geometry";
import { boundsOf, fit, reveal, spacing, stretched, zoomAt } from "../src/lib/viewport";
import type { MapEdge } from "../src/api/types";

describe("lines", () => {
  it("are wider by the logarithm of the rate", () => {
    expect(lineWidth(null)).toBe(1);
    expect(lineWidth(0)).toBe(1);
    expect(lineWidth(1e6) - lineWidth(1e5)).toBeCloseTo(lineWidth(1e5) - lineWidth(1e4));
    expect(lineWidth(1e18)).toBe(8);
  });

  it("end at the target with an arrow", () => {
    const { path, arrow } = curve({ x: 264, y: 24 }, { x: 400, y: 100 }, 2, 500, []);
    expect(path).toMatch(/^M264 24C/);
    expect(arrow).toMatch(/^M399 100L/);
  });

  it("pass a card that stands between, by the nearer side", () => {
    const columns = columnsOf([{ x: 400, y: 0, width: 264, height: 100 }, { x: 400, y: 124, width: 264, height: 100 }]);
    expect(columns).toEqual([{ left: 400, right: 664, taken: [{ top: -12, bottom: 112 }, { top: 112, bottom: 236 }] }]);
    const past = (y: number) => /H664/.exec(curve({ x: 264, y }, { x: 800, y }, 2, 500, columns).path) !== null;
    expect([past(60), past(112), past(300)]).toEqual([true, false, false]);
    expect(curve({ x: 264, y: 90 }, { x: 800, y: 90 }, 2, 500, columns).path).toContain(" 112H664");
    expect(curve({ x: 264, y: 200 }, { x: 800, y: 200 }, 2, 500, columns).bottom).toBe(236);
  });

  it("run back below both cards", () => {
    const back = curve({ x: 664, y: 24 }, { x: 0, y: 24 }, 2, 236, []);
    expect(back.path).toContain("V222");
    expect(back.bottom).toBe(236);
  });

  it("leave gaps in small series open", () => {
    expect(sparkline([0, 5, null, 10], 30, 10).line).toBe("M0 10L10 5M30 0");
    expect(sparkline([], 30, 10).line).toBe("");
    expect(sparkline([0, 0], 30, 10).line).toBe("M0 10L30 10");
    expect(sparkline([null, 4, 4], 30, 10).area).toBe("M15 10V0L30 0V10Z");
  });
});

describe("viewport", () => {
  it("keeps what is under the pointer when it zooms, within bounds", () => {
    const zoomed = zoomAt({ left: 10, top: 20, scale: 1 }, 1.5, 110, 220);
    expect(zoomed).toEqual({ scale: 1.5, left: -40, top: -80 });
    expect(zoomAt(zoomed, 100, 0, 0).scale).toBe(2);
    expect(zoomAt(zoomed, 0.0001, 0, 0).scale).toBe(0.08);
  });

  it("fits everything, never larger than it is, above what covers it", () => {
    const bounds = boundsOf({ a: { x: 0, y: 0 }, b: { x: 400, y: 300 } }, new Map([["a", 100], ["b", 100]]));
    expect(bounds).toEqual({ x: 0, y: 0, width: 664, height: 400 });
    expect(fit(bounds, 2_000, 1_000, 32, 72)).toEqual({ scale: 1, left: 668, top: 32 + (1_000 - 104 - 400) / 2 });
    expect(fit(bounds, 396, 1_000, 32, 72).scale).toBe(0.5);
    expect(boundsOf({}, new Map([["a", 1]]))).toEqual({ x: 0, y: 0, width: 0, height: 0 });
  });

  it("moves as little as it must to show a card", () => {
    const at = { left: 0, top: 0, scale: 1 };
    expect(reveal(at, { x: 100, y: 100, width: 264, height: 100 }, 800, 600, 32)).toEqual(at);
    expect(reveal(at, { x: 700, y: 100, width: 264, height: 100 }, 800, 600, 32)).toEqual({ ...at, left: -196 });
    expect(reveal(at, { x: 100, y: 100, width: 264, height: 900 }, 800, 600, 32)).toEqual({ ...at, top: -68 });
  });
});

describe("a picture of the map", () => {
  it("stretched, shows each point where the map would", () => {
    const painted = { left: -120, top: 44, scale: 0.4 };
    const viewport = zoomAt({ ...painted, left: painted.left + 31 }, 1.7, 300, 200);
    const { left, top, scale } = stretched(painted, viewport);
    for (const [x, y] of [[0, 0], [512, -260]] as const) {
      expect((x * painted.scale + painted.left) * scale + left).toBeCloseTo(x * viewport.scale + viewport.left);
      expect((y * painted.scale + painted.top) * scale + top).toBeCloseTo(y * viewport.scale + viewport.top);
    }
  });

  it("has dots neither far apart nor close", () => {
    expect(spacing(1)).toBe(24);
    expect(spacing(0.25)).toBe(24);
    for (let scale = 0.08; scale <= 2; scale *= 1.1) {
      expect(spacing(scale)).toBeGreaterThan(16);
      expect(spacing(scale)).toBeLessThan(35);
    }
  });
});

describe("focus", () => {
  const edge = (from: string, to: string) => ({ id: `${from}~${to}`, from, to }) as MapEdge;
  const edges = [edge("clients", "svc!1"), edge("clients", "svc!2"), edge("svc!1", "db"), edge("svc", "db"), edge("clients", "db")];

  it("lights a row's own edges, and those of its card that can't be told apart", () => {
    expect([...(lit(edges, "svc!1") ?? [])].sort()).toEqual(["clients", "clients~svc!1", "db", "svc", "svc!1", "svc!1~db", "svc~db"]);
  });

  it("lights a card's edges, an edge's two ends, and all rows of an edge between closed cards", () => {
    expect(lit(edges, "svc")?.has("clients~db")).toBe(false);
    expect(lit(edges, "svc")?.has("svc!1~db")).toBe(true);
    expect([...(lit(edges, "clients~db") ?? [])].sort()).toEqual(["clients", "clients~db", "db"]);
    expect(lit(edges, "clients~svc")?.has("clients~svc!2")).toBe(true);
    expect(lit(edges, null)).toBeNull();
  });

  it("goes to the nearest card that way", () => {
    const places = { a: { x: 0, y: 0 }, b: { x: 400, y: 20 }, c: { x: 400, y: 400 }, d: { x: 0, y: 124 } };
    expect(neighbour(places, "a", "right")).toBe("b");
    expect(neighbour(places, "a", "down")).toBe("d");
    expect(neighbour(places, "c", "up")).toBe("b");
    expect(neighbour(places, "a", "left")).toBeNull();
    expect(neighbour(places, "gone", "left")).toBeNull();
  });
});
