// What things are called on the page.
import type { Card, LossKind, Mark, State, Traffic } from "../api/types";
import { byteRate, plural } from "./units";

export const KINDS: Record<Card["kind"], { one: string; members: string }> = {
  service: { one: "Service", members: "provider" },
  clients: { one: "Clients", members: "endpoint" },
  providers: { one: "Providers without a service", members: "provider" },
  outside: { one: "Outside", members: "address" },
  other: { one: "Other", members: "address" },
  group: { one: "Group", members: "address" },
};

/** Colours of the graph's kinds: service, provider, client, outside, folded. */
export const KIND_TOKENS = ["accent", "line", "good", "out", "warn"];

const MARKS: Record<Mark, string> = {
  uncounted: "Some connections carry no counters: they began while accounting was off.",
  undercounted: "Some packets bypassed the counters (offload): the numbers are too low.",
  "direction-unknown": "Who opened some connections is not known: their ends may be swapped.",
  remainder: "Edges past an agent's cap, folded together.",
  unsplit: "The outgoing total can't be split by provider: it stands at the service.",
};

export const LOSSES: Record<LossKind, string> = {
  "events-dropped": "Events dropped",
  "ended-unseen": "Ended unseen",
  "set-full": "Set full",
  "table-lost": "Table lost",
  "epoch-gap": "Counters began anew",
  "edges-folded": "Edges folded",
  "connections-untracked": "Connections not followed",
  "readings-unfollowed": "Readings not followed",
  uncounted: "Uncounted connections",
  unreadable: "Unreadable messages",
  "related-errors": "ICMP errors",
  unclassified: "Unclassified packets",
  "missed-intervals": "Missed intervals",
};

/** A mark's sentence; a kind that this page doesn't know stands for itself. */
export function markText(mark: Mark): string {
  return MARKS[mark] ?? mark;
}

/** "14 providers" */
export function sizeText(card: Card): string {
  const word = KINDS[card.kind].members;
  return plural(card.size, word, word === "address" ? "addresses" : undefined);
}

/** The greatest share of a card's members. */
export function widestShare(card: Card): number {
  return Math.max(0, ...(card.members ?? []).map(({ share }) => share ?? 0));
}

/** What a card or member shows: what it serves, else what it asks. */
export function shown(of: { served: Traffic | null; asked: Traffic | null }): Traffic | null {
  return of.served ?? of.asked;
}

export function stateText(state: State, partly: boolean): string {
  if (state === "stale") return partly ? "A part is not reported" : "Not reported";
  return state === "unknown" ? (partly ? "A part is not counted" : "Not counted") : "";
}

/** For screen readers: "in 12.4 MB/s, out 1.10 MB/s". */
export function flowText(traffic: Traffic | null): string {
  if (traffic === null) return "no traffic";
  if (traffic.rates === null) return "rates unknown";
  return `in ${byteRate(traffic.rates.bytes_in)}, out ${byteRate(traffic.rates.bytes_out)}`;
}
