// A map as it is drawn: cards with their places and heights, edges with their lines.
import type { Card, MapDocument, MapEdge } from "../api/types";
import { cardOf } from "./focus";
import { columnsOf, curve, lineWidth, type Column, type Curve, type Point } from "./geometry";
import { settle, WIDTH, type Places } from "./layout";
import { closedHeight, labelsOf, openHeight, PORT, rowPort } from "./metrics";

export interface DrawnCard {
  card: Card;
  x: number;
  y: number;
  height: number;
  pinned: boolean;
  /** `key=value`, those first that tell the card from others. */
  labels: string[];
}

export interface DrawnEdge {
  edge: MapEdge;
  curve: Curve;
  width: number;
  /** Lines to and from the cards of the rest are seen only in focus. */
  quiet: boolean;
}

export interface Drawing {
  cards: DrawnCard[];
  edges: DrawnEdge[];
  places: Places;
  heights: Map<string, number>;
}

const BELOW = 12;

/** Cards that have no place yet are left out, and so are their edges. */
export function draw(map: MapDocument, kept: Places): Drawing {
  const boxes = map.nodes.map((card) => ({ id: card.id, kind: card.kind, height: closedHeight(card), open: openHeight(card) }));
  const places = settle(boxes, kept);
  const heights = new Map(boxes.filter(({ id }) => places[id] !== undefined).map(({ id, open }) => [id, open]));
  const rarity = labelCounts(map);
  const cards = map.nodes.flatMap((card): DrawnCard[] => {
    const place = places[card.id];
    return place === undefined ? [] : [{ card, x: place.x, y: place.y, height: openHeight(card), pinned: place.pinned === true, labels: labelsFor(card, rarity) }];
  });
  const byId = new Map(cards.map((drawn) => [drawn.card.id, drawn]));
  const rows = new Map(cards.flatMap(({ card }) => (card.members ?? []).map(({ id }, index) => [id, rowPort(card, index)] as const)));
  const columns = columnsOf(cards.map(({ x, y, height }) => ({ x, y, width: WIDTH, height })));
  const edges = map.edges.flatMap((edge) => {
    const from = byId.get(cardOf(edge.from));
    const to = byId.get(cardOf(edge.to));
    return from === undefined || to === undefined ? [] : [drawEdge(edge, from, to, rows, columns)];
  });
  return { cards, edges, places, heights };
}

function drawEdge(edge: MapEdge, from: DrawnCard, to: DrawnCard, rows: Map<string, number>, columns: Column[]): DrawnEdge {
  const start: Point = { x: from.x + WIDTH, y: from.y + (rows.get(edge.from) ?? PORT) };
  const end: Point = { x: to.x, y: to.y + (rows.get(edge.to) ?? PORT) };
  const width = lineWidth(edge.rates === null ? null : edge.rates.bytes_in + edge.rates.bytes_out);
  const floor = Math.max(from.y + from.height, to.y + to.height) + BELOW;
  return { edge, curve: curve(start, end, width, floor, columns), width, quiet: from.card.kind === "other" || to.card.kind === "other" };
}

function labelCounts(map: MapDocument): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [key, value] of map.nodes.flatMap(labelsOf)) counts.set(`${key}=${value}`, (counts.get(`${key}=${value}`) ?? 0) + 1);
  return counts;
}

function labelsFor(card: Card, counts: Map<string, number>): string[] {
  const labels = labelsOf(card).map(([key, value]) => `${key}=${value}`);
  return labels.sort((a, b) => (counts.get(a) ?? 0) - (counts.get(b) ?? 0) || (a < b ? -1 : 1));
}
