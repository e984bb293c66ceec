import { describe, expect, it } from "vitest";

import { fileName } from "../src/lib/download";
import { bands, ticks } from "../src/lib/strip";
import { clockTime, DAY, duration, fromLocalInput, HOUR, isSummed, MINUTE, moment, signedDuration, toLocalInput } from "../src/lib/time";

const at = new Date(2026, 0, 31, 10, 42, 10).getTime();

describe("time", () => {
  it("is written with 24 hours, and with its date where it isn't today's", () => {
    expect(clockTime(at)).toBe("10:42:10");
    expect(moment(at, at + HOUR)).toBe("10:42:10");
    expect(moment(at, at + DAY)).toBe("2026-01-31 10:42");
    expect(fromLocalInput(toLocalInput(at))).toBe(at);
    expect(fromLocalInput("never")).toBeNull();
    expect(fileName("map", at, "svg")).toBe("svcflow-map-2026-01-31-10-42-10.svg");
  });

  it("knows a range that begins before each look is kept", () => {
    expect(isSummed({ interval: 10_000, resolution: 10_000 })).toBe(false);
    expect(isSummed({ interval: 10_000, resolution: 10 * MINUTE })).toBe(true);
  });

  it("names the two greatest units of a duration", () => {
    expect([0, 400, 3_000, 59_600, 12 * MINUTE, 2 * HOUR + 5 * MINUTE + 7_000, DAY, 8 * DAY + HOUR].map(duration)).toEqual(["0 s", "0 s", "3 s", "1 min", "12 min", "2 h 5 min", "1 d", "8 d 1 h"]);
    expect([12, -8, 3_000, -600_000].map(signedDuration)).toEqual(["+12 ms", "−8 ms", "+3 s", "−10 min"]);
  });

  it("puts round times on the strip, away from its ends", () => {
    const found = ticks(at, at + 5 * MINUTE, 8, 0.03);
    expect(found.map(({ text }) => text)).toEqual(["10:43", "10:44", "10:45", "10:46", "10:47"]);
    expect(ticks(at, at + 7 * DAY, 8, 0.03).every(({ text }) => /^\d\d-\d\d$/.test(text))).toBe(true);
    expect(ticks(at, at + 5 * MINUTE, 8, 0.25).map(({ text }) => text), "on a narrow strip").toEqual(["10:44", "10:45"]);
    expect(ticks(at, at + 7 * DAY, 8, 0.03).length).toBeGreaterThan(4);
  });

  it("leaves gaps open in the strip", () => {
    const columns = { times: [0, 10, 20, 30], bytes_in: [5, null, 5, 10], bytes_out: [0, 3, 0, 0], range: { from: 0, until: 40, step: 10 } };
    expect(bands(columns, 40, 10)).toEqual(["M0.0 10V5.0H10.0V10Z", "M20.0 10V5.0H30.0V0.0H40.0V10Z"]);
  });
});
