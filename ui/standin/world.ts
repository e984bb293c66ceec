// What the stand-in pretends to have counted: everything follows from this and the time.
import type { LossKind, Mark } from "../src/api/types";

export interface Service {
  id: string;
  name: string;
  address: string;
  port: number;
  providerPort: number;
  protocol: string;
  selectors: Record<string, string>;
  source: string;
  providers: string[];
}

export interface Owner {
  address: string;
  name: string;
  labels: Record<string, string>;
  node: string | null;
  since: number;
}

export interface RawEdge {
  id: string;
  node: string;
  endpoint: string;
  service: Service | null;
  provider: string;
  providerPort: number;
  protocol: string;
  relation: "translated-here" | "client-node" | "provider-node" | "transit";
  /** Mean bytes per second. */
  in: number;
  out: number;
  /** Bytes of a packet. */
  packet: number;
  seed: number;
  marks: Mark[];
}

export interface Loss {
  kind: LossKind;
  count: number;
  bytes: number | null;
  /** When, as milliseconds before the start of the stand-in. */
  ago: number[];
  message: string;
  remedy: string | null;
}

export interface NodeSpec {
  name: string;
  address: string;
  state: "ok" | "late" | "unreachable" | "faulty" | "duplicate";
  message: string | null;
  remedy: string | null;
  skew: number;
  source: { name: string; reason: string };
  blindSpots: string[];
  losses: Loss[];
  /** Ranges without reports, as milliseconds before the start of the stand-in; the end `null` is now. */
  silent: { from: number; until: number | null }[];
}

export interface World {
  nodes: NodeSpec[];
  services: Service[];
  owners: Map<string, Owner>;
  edges: RawEdge[];
}

/** A number in [0, 1) that only depends on its arguments. */
export function random(...seeds: (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const char of seeds.join("\u0000")) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** As openapi.json says: every byte but these is percent-encoded. */
export function encodeId(text: string): string {
  return encodeURIComponent(text).replace(/[!~*'()]|%3A|%2F|%5B|%5D/gi, (found) =>
    found.length === 1 ? `%${found.charCodeAt(0).toString(16).toUpperCase()}` : decodeURIComponent(found),
  );
}

export function withPort(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

export function node(name: string, address: string, more: Partial<NodeSpec> = {}): NodeSpec {
  return {
    name,
    address,
    state: "ok",
    message: null,
    remedy: null,
    skew: Math.round(random("skew", name) * 24 - 12),
    source: { name: "nftables", reason: "the kernel counts: nftables is permitted" },
    blindSpots: [],
    losses: [],
    silent: [],
    ...more,
  };
}

export function service(name: string, address: string, selectors: Record<string, string>, providers: string[], source = "static"): Service {
  const id = `service:${source === "observed" ? `${withPort(address, 8080)}/TCP` : encodeId(name)}`;
  return { id, name, address, port: 8080, providerPort: 80, protocol: "TCP", selectors, source, providers };
}

export function edge(on: string, endpoint: string, to: Service | null, provider: string, rates: { in: number; out: number }, more: Partial<RawEdge> = {}): RawEdge {
  const protocol = more.protocol ?? to?.protocol ?? "TCP";
  const providerPort = more.providerPort ?? to?.providerPort ?? 443;
  const key = `${encodeId(on)},${endpoint},${to === null ? "-" : withPort(to.address, to.port)},${withPort(provider, providerPort)},${protocol}`;
  return {
    id: `edge:${key}`,
    node: on,
    endpoint,
    service: to,
    provider,
    relation: to === null ? "client-node" : "translated-here",
    in: rates.in,
    out: rates.out,
    packet: 900,
    seed: random(key),
    marks: [],
    ...more,
    providerPort,
    protocol,
  };
}
