// Counters as functions of time: a few waves on each edge's mean, summed exactly by their integral.
import type { Rates, State, Totals, Traffic as TrafficDocument } from "../src/api/types";
import type { NodeSpec, RawEdge, World } from "./world";

const DAY = 86_400_000;
const WAVES = [
  { size: 0.4, period: 260_000 },
  { size: 0.2, period: DAY },
  { size: 0.15, period: 47_000 },
];
export const ZERO: Totals = { bytes_in: 0, bytes_out: 0, packets_in: 0, packets_out: 0 };

export interface Clock {
  started: number;
  interval: number;
  now(): number;
}

export interface Span {
  from: number;
  until: number;
}

export class Traffic {
  /** History begins here. */
  readonly origin: number;
  private readonly caches = new Map<string, Map<RawEdge, unknown>>();
  private readonly silences: Map<string, Span[]>;

  constructor(
    readonly world: World,
    readonly clock: Clock,
  ) {
    this.origin = Math.floor(clock.started / DAY - 8) * DAY;
    this.silences = new Map(world.nodes.map((node) => [node.name, this.silence(node)]));
  }

  /** The end of the last accounted interval; null where there is none. */
  latest(): number | null {
    if (this.world.edges.length === 0) return null;
    const { interval } = this.clock;
    return Math.floor((this.clock.now() - interval / 3) / interval) * interval;
  }

  totals(edge: RawEdge, { from, until }: Span): Totals {
    let seconds = this.integral(edge, from, until);
    for (const silent of this.silences.get(edge.node) ?? []) {
      seconds -= this.integral(edge, Math.max(from, silent.from), Math.min(until, silent.until));
    }
    const total = (rate: number, packet: number) => Math.round((rate * seconds) / packet);
    return {
      bytes_in: total(edge.in, 1),
      bytes_out: total(edge.out, 1),
      packets_in: total(edge.in, edge.packet),
      packets_out: total(edge.out, edge.packet / 4),
    };
  }

  /** Null where any part of it is unknown. */
  rates(edge: RawEdge, span: Span): Rates | null {
    if (edge.marks.includes("uncounted") || span.from < this.origin) return null;
    if (this.silences.get(edge.node)?.some((silent) => span.from < silent.until && span.until > silent.from) === true) return null;
    const seconds = (span.until - span.from) / 1000;
    const totals = this.totals(edge, span);
    return {
      bytes_in: totals.bytes_in / seconds,
      bytes_out: totals.bytes_out / seconds,
      packets_in: totals.packets_in / seconds,
      packets_out: totals.packets_out / seconds,
    };
  }

  /** Summed rates of several edges in `parts` equal parts of the span; null where none is known. */
  rows(edges: readonly RawEdge[], { from, until }: Span, parts: number): (Rates | null)[] {
    const width = (until - from) / parts;
    const rows = Array.from({ length: parts }, (): Rates | null => null);
    for (const edge of edges) {
      if (edge.marks.includes("uncounted")) continue;
      const silences = this.silences.get(edge.node) ?? [];
      let before = this.primitive(edge, from - this.origin);
      for (let part = 0; part < parts; part += 1) {
        const begin = from + part * width;
        const after = this.primitive(edge, begin + width - this.origin);
        const mean = (after - before) / (width / 1000);
        before = after;
        if (begin < this.origin || silences.some((one) => begin < one.until && begin + width > one.from)) continue;
        const row = (rows[part] ??= { ...ZERO });
        row.bytes_in += edge.in * mean;
        row.bytes_out += edge.out * mean;
        row.packets_in += (edge.in * mean) / edge.packet;
        row.packets_out += (edge.out * mean * 4) / edge.packet;
      }
    }
    return rows;
  }

  state(edge: RawEdge, at: number): { state: State; since: number | null } {
    const silent = this.silences.get(edge.node)?.find((span) => at > span.from + 3 * this.clock.interval && at <= span.until);
    if (silent !== undefined) return { state: "stale", since: silent.from };
    return edge.marks.includes("uncounted") ? { state: "unknown", since: this.origin } : { state: "ok", since: null };
  }

  /** Sums of edges: totals over the range, rates over the step. */
  sum(edges: readonly RawEdge[], range: Span, step: Span): TrafficDocument {
    const rates = this.remembered("rates", step, (edge) => this.rates(edge, step));
    const totals = this.remembered("totals", range, (edge) => this.totals(edge, range));
    return { rates: sumRates(edges.map(rates)), totals: sumTotals(edges.map(totals)) };
  }

  /** A map asks for the same of each edge many times. */
  private remembered<T>(what: string, { from, until }: Span, make: (edge: RawEdge) => T): (edge: RawEdge) => T {
    const key = `${what} ${from} ${until}`;
    const cache = this.caches.get(key) ?? new Map<RawEdge, unknown>();
    this.caches.delete(key);
    this.caches.set(key, cache);
    for (const oldest of this.caches.keys()) {
      if (this.caches.size <= 4) break;
      this.caches.delete(oldest);
    }
    return (edge) => {
      if (!cache.has(edge)) cache.set(edge, make(edge));
      return cache.get(edge) as T;
    };
  }

  /** The gravest state of several edges. */
  worst(edges: readonly RawEdge[], at: number): { state: State; state_since: number | null } {
    let worst: { state: State; since: number | null } = { state: "ok", since: null };
    for (const edge of edges) {
      const state = this.state(edge, at);
      if (state.state === "stale" || (state.state === "unknown" && worst.state === "ok")) worst = state;
    }
    return { state: worst.state, state_since: worst.since };
  }

  private silence(node: NodeSpec): Span[] {
    const started = this.clock.started;
    return node.silent.map(({ from, until }) => ({ from: started - from, until: until === null ? Infinity : started - until }));
  }

  /** Of the wave with mean 1, in seconds. */
  private integral(edge: RawEdge, from: number, until: number): number {
    const begin = Math.max(from, this.origin);
    if (until <= begin) return 0;
    return this.primitive(edge, until - this.origin) - this.primitive(edge, begin - this.origin);
  }

  private primitive(edge: RawEdge, at: number): number {
    let sum = at;
    WAVES.forEach(({ size, period }, index) => {
      const long = period * (0.8 + 0.4 * edge.seed);
      const turn = (2 * Math.PI) / long;
      sum -= (size / turn) * Math.cos(turn * at + edge.seed * 40 * (index + 1));
    });
    return sum / 1000;
  }
}

export function sumTotals(all: readonly Totals[]): Totals {
  const sum = { ...ZERO };
  for (const one of all) {
    sum.bytes_in += one.bytes_in;
    sum.bytes_out += one.bytes_out;
    sum.packets_in += one.packets_in;
    sum.packets_out += one.packets_out;
  }
  return sum;
}

/** Of those known; null where none is. */
export function sumRates(all: readonly (Rates | null)[]): Rates | null {
  const known = all.filter((rates) => rates !== null);
  return known.length === 0 ? null : sumTotals(known);
}

export function bytes(totals: Totals): number {
  return totals.bytes_in + totals.bytes_out;
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
