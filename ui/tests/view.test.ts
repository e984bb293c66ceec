import { describe, expect, it } from "vitest";

import { DEFAULT, decodeView, encodeView, instantQuery, rangeQuery, type View } from "../src/lib/view";

describe("the view in the address", () => {
  it("leaves out what is usual", () => {
    expect(encodeView(DEFAULT)).toBe("");
    expect(decodeView("")).toEqual(DEFAULT);
    expect(encodeView({ ...DEFAULT, filter: "tier=db 10.1.0.0/16", open: ["service:default:app-svc"] })).toBe("?filter=tier=db+10.1.0.0/16&open=service:default:app-svc");
  });

  it("comes back the same, whatever names are in it", () => {
    const names = ['<b>"&\'</b>', "a+b c%20d#e", "مرحبا \u202E", "👩‍👩‍👧‍👦", "x".repeat(500), "service:%3Cx%3E!10.1.1.1~clients"];
    for (const name of names) {
      const view: View = { page: "edges", span: 86_400_000, until: 1_767_225_600_000, at: 1_767_225_500_000, filter: name, group: `label:${name}`, open: [name, "clients"], selected: name, of: name, side: "asked", sort: "-rate_bytes_in", columns: ["node", "bytes_in"] };
      expect(decodeView(encodeView(view)), name).toEqual(view);
    }
    expect(decodeView(encodeView({ ...DEFAULT, span: 1_234_000 })).span).toBe(1_234_000);
  });

  it("takes nonsense as if it weren't there", () => {
    expect(decodeView("?page=admin&span=-5&until=x&at=1e9&group=&open=&sel=&side=left&sort=a;b&columns=,A,")).toEqual(DEFAULT);
  });

  it("asks relative to the latest while it follows, and for fixed times otherwise", () => {
    expect(rangeQuery(DEFAULT)).toEqual({ from: -300_000 });
    expect(rangeQuery({ ...DEFAULT, until: 1_000_000, at: 5 })).toEqual({ from: 700_000, until: 1_000_000 });
    expect(instantQuery({ ...DEFAULT, until: 1_000_000, at: 800_000 })).toEqual({ from: 700_000, until: 1_000_000, at: 800_000 });
  });
});
