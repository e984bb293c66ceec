import { describe, expect, it } from "vitest";

import { addTerm, FilterError, parseFilter, parseNetwork, quote, termTexts } from "../src/lib/filter";

function conditions(filter: string): unknown[] {
  return parseFilter(filter).map((term) => Object.fromEntries(Object.entries(term).filter(([key]) => key !== "start" && key !== "end")));
}

describe("filter", () => {
  it("takes labels as Kubernetes does", () => {
    expect(conditions("tier=db")).toEqual([{ kind: "labels", requirements: [{ op: "=", key: "tier", value: "db" }] }]);
    expect(conditions("tier==db")).toEqual(conditions("tier=db"));
    expect(conditions("app/tier!=")).toEqual([{ kind: "labels", requirements: [{ op: "!=", key: "app/tier", value: "" }] }]);
    expect(conditions("tier in (db, web) x")).toEqual([
      { kind: "labels", requirements: [{ op: "in", key: "tier", values: ["db", "web"] }] },
      { kind: "text", value: "x", negated: false },
    ]);
    expect(conditions("a=1,b notin (2),!c")).toEqual([
      { kind: "labels", requirements: [{ op: "=", key: "a", value: "1" }, { op: "notin", key: "b", values: ["2"] }, { op: "absent", key: "c" }] },
    ]);
    expect(conditions("!tier label:tier !label:tier")).toEqual([
      { kind: "labels", requirements: [{ op: "absent", key: "tier" }] },
      { kind: "labels", requirements: [{ op: "exists", key: "tier" }] },
      { kind: "labels", requirements: [{ op: "absent", key: "tier" }] },
    ]);
  });

  it("takes fields, addresses, networks and free text", () => {
    expect(conditions("name:app* !node:n1 proto:UDP port:8080")).toEqual([
      { kind: "name", value: "app*", negated: false },
      { kind: "node", value: "n1", negated: true },
      { kind: "proto", value: "UDP", negated: false },
      { kind: "port", value: 8080, negated: false },
    ]);
    expect(conditions("10.1.0.0/16 !fd00::5 10.1")).toEqual([
      { kind: "network", address: "10.1.0.0", prefix: 16, negated: false },
      { kind: "network", address: "fd00::5", prefix: 128, negated: true },
      { kind: "text", value: "10.1", negated: false },
    ]);
    expect(conditions('"my \\"own\\" service" !"x y" tier="a b"')).toEqual([
      { kind: "text", value: 'my "own" service', negated: false },
      { kind: "text", value: "x y", negated: true },
      { kind: "labels", requirements: [{ op: "=", key: "tier", value: "a b" }] },
    ]);
    expect(conditions("  ")).toEqual([]);
  });

  it("points at the fault", () => {
    const faults: [string, number][] = [
      ['web "open', 4],
      ["port:99999", 5],
      ["x name:", 7],
      ["tier in (a", 10],
      ["tier=a,", 7],
      ["a !", 3],
    ];
    for (const [filter, position] of faults) {
      const thrown = (() => {
        try {
          return parseFilter(filter);
        } catch (fault) {
          return fault;
        }
      })();
      expect(thrown, filter).toBeInstanceOf(FilterError);
      expect((thrown as FilterError).position, filter).toBe(position);
    }
  });

  it("never fails otherwise, whatever is typed, and terms cover the text in order", () => {
    const signs = ['"', "\\", "!", "=", ",", "(", ")", " ", ":", "/", "a", "in", "1", "\u202E", "👩‍👩‍👧‍👦", "name:"];
    let seed = 7;
    const next = (most: number) => (seed = (seed * 48_271) % 2_147_483_647) % most;
    for (let round = 0; round < 5_000; round += 1) {
      const text = Array.from({ length: next(12) }, () => signs[next(signs.length)]).join("");
      try {
        let end = 0;
        for (const term of parseFilter(text)) {
          expect(term.start).toBeGreaterThanOrEqual(end);
          expect(term.end).toBeGreaterThan(term.start);
          end = term.end;
        }
      } catch (fault) {
        expect(fault, text).toBeInstanceOf(FilterError);
      }
    }
  });

  it("quotes what must be quoted, so that it is read back the same", () => {
    for (const value of ["db", "a b", 'say "x"', "back\\slash", "", "a,b)", "=1", "مرحبا"]) {
      expect(conditions(`tier=${quote(value)}`), value).toEqual([{ kind: "labels", requirements: [{ op: "=", key: "tier", value }] }]);
    }
  });

  it("adds a term once", () => {
    expect(addTerm("", "tier=db")).toBe("tier=db");
    expect(addTerm(" web ", "tier=db")).toBe("web tier=db");
    expect(addTerm("tier=db web", "tier=db")).toBe("tier=db web");
    expect(termTexts('a "b c" tier in (x, y)')).toEqual(["a", '"b c"', "tier in (x, y)"]);
  });

  it("knows addresses from what only looks like them", () => {
    expect(["10.1.1.5", "10.1.1.256", "10.1.1.0/33", "::1/128", "fd00::/8", "a:b", "1.2.3"].map((text) => parseNetwork(text) !== null)).toEqual([true, false, false, true, true, false, false]);
  });
});
