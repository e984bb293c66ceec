// Which edges a filter selects, and the common parameters of all routes.
import type { Range } from "../src/api/types";
import { FilterError, parseFilter, parseNetwork, type Requirement, type Term } from "../src/lib/filter";
import type { Span, Traffic } from "./traffic";
import type { RawEdge, World } from "./world";

export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly remedy: string | null = null,
    readonly position: number | null = null,
  ) {
    super(message);
  }
}

interface Party {
  names: string[];
  address: string;
  labels: Record<string, string>;
}

export function selectEdges(world: World, filter: string): RawEdge[] {
  const terms = parse(filter);
  return terms.length === 0 ? world.edges : world.edges.filter((edge) => terms.every((term) => holds(world, edge, term)));
}

function parse(filter: string): Term[] {
  try {
    return parseFilter(filter);
  } catch (fault) {
    if (fault instanceof FilterError) throw new Refusal(400, `The filter: ${fault.message}`, null, fault.position);
    throw fault;
  }
}

function holds(world: World, edge: RawEdge, term: Term): boolean {
  const parties = partiesOf(world, edge);
  if (term.kind === "labels") {
    const positive = term.requirements.filter(({ op }) => op === "=" || op === "in" || op === "exists");
    const negative = term.requirements.filter(({ op }) => op === "!=" || op === "notin" || op === "absent");
    return (
      (positive.length === 0 || parties.some(({ labels }) => positive.every((one) => meets(labels, one)))) &&
      parties.every(({ labels }) => negative.every((one) => meets(labels, one)))
    );
  }
  return matches(edge, parties, term) !== term.negated;
}

function matches(edge: RawEdge, parties: Party[], term: Exclude<Term, { kind: "labels" }>): boolean {
  switch (term.kind) {
    case "node":
      return edge.node === term.value;
    case "proto":
      return edge.protocol.toLowerCase() === term.value.toLowerCase();
    case "port":
      return edge.providerPort === term.value || edge.service?.port === term.value;
    case "network":
      return parties.some(({ address }) => inside(address, term.address, term.prefix));
    case "name":
      return parties.some(({ names }) => names.some((name) => glob(term.value).test(name)));
    case "text": {
      const text = term.value.toLowerCase();
      return parties.some(({ names, address, labels }) => [...names, address, ...Object.entries(labels).flat()].some((part) => part.toLowerCase().includes(text)));
    }
  }
}

function partiesOf(world: World, edge: RawEdge): Party[] {
  const owned = (address: string): Party => {
    const owner = world.owners.get(address);
    return { address, names: owner === undefined ? [] : [owner.name], labels: owner?.labels ?? {} };
  };
  const parties = [owned(edge.endpoint), owned(edge.provider)];
  if (edge.service !== null) parties.push({ address: edge.service.address, names: [edge.service.name], labels: edge.service.selectors });
  return parties;
}

function meets(labels: Record<string, string>, requirement: Requirement): boolean {
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.op) {
    case "=":
      return value === requirement.value;
    case "!=":
      return value !== requirement.value;
    case "in":
      return value !== undefined && requirement.values.includes(value);
    case "notin":
      return value === undefined || !requirement.values.includes(value);
    case "exists":
      return value !== undefined;
    case "absent":
      return value === undefined;
  }
}

function glob(text: string): RegExp {
  return new RegExp(text.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*"), "is");
}

function inside(address: string, network: string, prefix: number): boolean {
  if (parseNetwork(address) === null || address.includes(":") !== network.includes(":")) return false;
  return bits(address).slice(0, prefix) === bits(network).slice(0, prefix);
}

function bits(address: string): string {
  if (!address.includes(":")) return address.split(".").map((part) => Number(part).toString(2).padStart(8, "0")).join("");
  const [head = "", tail = ""] = address.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === "" ? [] : tail.split(":");
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => "0"), ...right];
  return groups.map((group) => parseInt(group, 16).toString(2).padStart(16, "0")).join("");
}

/** The range that is answered, and the step that rates are taken over. */
export function rangeOf(traffic: Traffic, query: URLSearchParams): { range: Range; span: Span; step: Span } {
  const { interval } = traffic.clock;
  const latest = traffic.latest();
  const end = latest ?? traffic.clock.now();
  const until = Math.min(time(query, "until") ?? end, end);
  const asked = time(query, "from") ?? -300_000;
  const from = asked < 0 ? until + asked : asked;
  if (from >= until) throw new Refusal(400, "The range is empty: from must be before until.");
  const at = Math.min(Math.max(time(query, "at") ?? until, from), until);
  const length = until - from > 86_400_000 ? 60_000 : interval;
  const stop = Math.floor(at / length) * length;
  const step = { from: stop - length, until: stop };
  const earliest = latest === null ? null : traffic.origin;
  return { range: { from, until, at, step: length, interval, resolution: interval, earliest, latest }, span: { from, until }, step };
}

export function time(query: URLSearchParams, name: string): number | null {
  return integer(query, name, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
}

export function integer(query: URLSearchParams, name: string, least: number, most: number): number | null {
  const text = query.get(name);
  if (text === null) return null;
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || value < least || value > most) throw new Refusal(400, `${name}: expected an integer from ${least} to ${most}.`);
  return value;
}
