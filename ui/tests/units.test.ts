import { describe, expect, it } from "vitest";

import { byteCount, byteRate, count, packetRate, percent, plural, scale } from "../src/lib/units";

describe("units", () => {
  it("has three significant digits at every size", () => {
    const rates: [number, string][] = [
      [0, "0 B/s"],
      [0.5, "0.50 B/s"],
      [1, "1.00 B/s"],
      [9.994, "9.99 B/s"],
      [9.996, "10.0 B/s"],
      [99.96, "100 B/s"],
      [999.4, "999 B/s"],
      [999.6, "1.00 kB/s"],
      [12_345, "12.3 kB/s"],
      [999_600, "1.00 MB/s"],
      [1.5e9, "1.50 GB/s"],
      [2.25e12, "2.25 TB/s"],
      [9.9e20, "990 EB/s"],
    ];
    for (const [rate, text] of rates) expect(byteRate(rate), String(rate)).toBe(text);
  });

  it("never says zero for unknown", () => {
    for (const unknown of [null, undefined]) {
      expect([byteRate(unknown), packetRate(unknown), byteCount(unknown), count(unknown), percent(unknown)]).toEqual(["–", "–", "–", "–", "–"]);
    }
  });

  it("counts whole bytes without decimals and packets per second", () => {
    expect(byteCount(7)).toBe("7 B");
    expect(byteCount(2 ** 53)).toBe("9.01 PB");
    expect(packetRate(2_570)).toBe("2.57 k/s");
    expect(count(16_779)).toBe("16,779");
    expect(count(123_456)).toBe("123 k");
    expect(scale(1e22)[1]).toBe("E");
  });

  it("writes shares", () => {
    expect([0, 0.0004, 0.034, 0.0996, 0.34, 1].map(percent)).toEqual(["0 %", "<0.1 %", "3.4 %", "10 %", "34 %", "100 %"]);
    expect([plural(1, "edge"), plural(2_000, "edge"), plural(2, "address", "addresses")]).toEqual(["1 edge", "2,000 edges", "2 addresses"]);
  });
});
