// What the panel says of a card, a member, an edge of the map or a row of the table.
import type { Card, EdgeRow, MapDocument, MapEdge, Mark, Member, State } from "../api/types";
import { cardOf } from "./focus";
import { labelsOf } from "./metrics";
import { moment } from "./time";
import { plural } from "./units";
import { KINDS, shown, sizeText } from "./words";

export interface Subject {
  kind: string;
  facts: { name: string; value: string; mono?: boolean }[];
  labels: [string, string][];
  state: State;
  since: number | null;
  partly: boolean;
  marks: Mark[];
  /** Both sides have traffic, so one must be chosen. */
  sides: boolean;
  /** The card that can be opened in place. */
  card: Card | null;
}

export type Found = { is: "card"; card: Card } | { is: "member"; card: Card; member: Member } | { is: "edge"; edge: MapEdge; from: Card | undefined; to: Card | undefined };

export function find(map: MapDocument | null, id: string): Found | null {
  const cardWith = (one: string) => map?.nodes.find((card) => card.id === cardOf(one));
  const edge = map?.edges.find((one) => one.id === id);
  if (edge !== undefined) return { is: "edge", edge, from: cardWith(edge.from), to: cardWith(edge.to) };
  const card = cardWith(id);
  if (card === undefined || id.includes("~")) return null;
  const member = card.members?.find((one) => one.id === id);
  if (member !== undefined) return { is: "member", card, member };
  return id === card.id ? { is: "card", card } : null;
}

export function describe(found: Found, now: number): Subject {
  switch (found.is) {
    case "card":
      return describeCard(found.card, now);
    case "member":
      return describeMember(found.member, found.card, now);
    case "edge":
      return describeEdge(found.edge);
  }
}

function describeCard(card: Card, now: number): Subject {
  return {
    kind: KINDS[card.kind].one,
    facts: known([
      { name: "Address", value: `${card.addresses.join(", ")}  ${card.ports.join(", ")}`, mono: true },
      { name: "Owner", value: owner(card, now) },
      { name: "Inside", value: sizeText(card) },
      { name: "Seen on", value: card.nodes.join(", ") },
    ]),
    labels: labelsOf(card),
    ...condition(card, shown(card)?.rates != null),
    sides: card.served !== null && card.asked !== null,
    card,
  };
}

function owner({ source, since }: Card, now: number): string {
  if (source === "observed") return "";
  return since === null ? source : `${source}, since ${moment(since, now)}`;
}

function describeMember(member: Member, card: Card, now: number): Subject {
  return {
    kind: `${KINDS[card.kind].members} of ${card.name}`,
    facts: known([
      { name: "Address", value: member.addresses.join(", "), mono: true },
      { name: "Name", value: member.name },
      { name: "Lives on", value: member.node ?? "" },
      { name: "Since", value: member.since === null ? "" : moment(member.since, now) },
    ]),
    labels: Object.entries(member.labels),
    ...condition(member, shown(member)?.rates != null),
    sides: member.served !== null && member.asked !== null,
    card: null,
  };
}

const PATHS = { service: "through the service's address", direct: "direct, past any service", mixed: "partly direct, past the service" };

function describeEdge(edge: MapEdge): Subject {
  return {
    kind: "Edge",
    facts: [
      { name: "Protocol", value: edge.protocols.join(", ") },
      { name: "Path", value: PATHS[edge.path] },
      { name: "Made of", value: plural(edge.count, "edge") },
    ],
    labels: [],
    ...condition(edge, edge.rates !== null),
    sides: false,
    card: null,
  };
}

const RELATIONS: Record<EdgeRow["relation"], string> = {
  "translated-here": "which translated it",
  "client-node": "where the endpoint lives",
  "provider-node": "where the provider lives",
  transit: "which forwards it",
};

export function describeRow(row: EdgeRow, now: number): Subject {
  return {
    kind: `Edge, ${row.protocol}`,
    facts: known([
      { name: "Endpoint", value: `${row.endpoint} ${row.endpoint_name}` },
      { name: "Service", value: row.service === null ? "none: direct" : `${row.service}:${row.service_port ?? ""} ${row.service_name ?? ""}` },
      { name: "Provider", value: `${row.provider}:${row.provider_port} ${row.provider_name}` },
      { name: "Counted on", value: `${row.node}, ${RELATIONS[row.relation] ?? row.relation}` },
      { name: "First", value: moment(row.first, now) },
      { name: "Last", value: moment(row.last, now) },
    ]),
    labels: [],
    state: row.state,
    since: row.state === "ok" ? null : row.last,
    partly: false,
    marks: row.marks,
    sides: false,
    card: null,
  };
}

export function describeAddress(address: string): Subject {
  return { kind: "Address", facts: [{ name: "Address", value: address, mono: true }], labels: [], state: "ok", since: null, partly: false, marks: [], sides: true, card: null };
}

function condition(of: { state: State; state_since: number | null; marks: Mark[] }, partly: boolean): Pick<Subject, "state" | "since" | "partly" | "marks"> {
  return { state: of.state, since: of.state_since, partly, marks: of.marks };
}

function known<T extends { value: string }>(facts: T[]): T[] {
  return facts.filter(({ value }) => value.trim() !== "");
}
