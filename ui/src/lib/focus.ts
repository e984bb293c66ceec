// What stays lit when something is hovered or selected: the thing, its edges, and their other ends.
import type { MapEdge } from "../api/types";

export function cardOf(id: string): string {
  const end = id.indexOf("!");
  return end < 0 ? id : id.slice(0, end);
}

export function isEdge(id: string): boolean {
  return id.includes("~") || id.startsWith("edge:");
}

/** Whether an end of an edge is the thing, or part of it, or what it is part of. */
function touches(end: string, id: string): boolean {
  return end === id || cardOf(end) === id || (end === cardOf(id) && !end.includes("!"));
}

/** Ids of cards, members and edges that stay lit; null where nothing is in focus. */
export function lit(edges: readonly MapEdge[], focus: string | null): Set<string> | null {
  if (focus === null || focus === "all" || focus.startsWith("edge:")) return null;
  const [first = "", second] = focus.split("~");
  const set = new Set<string>();
  const add = (id: string) => set.add(id).add(cardOf(id));
  add(first);
  if (second !== undefined) add(second);
  for (const { id, from, to } of edges) {
    const own = second === undefined ? touches(from, first) || touches(to, first) : touches(from, first) && touches(to, second);
    if (!own) continue;
    set.add(id);
    add(from);
    add(to);
  }
  return set;
}

export type Direction = "left" | "right" | "up" | "down";

/** The card that an arrow key goes to: the nearest one that lies that way. */
export function neighbour(places: Record<string, { x: number; y: number }>, from: string, direction: Direction): string | null {
  const here = places[from];
  if (here === undefined) return null;
  const across = direction === "left" || direction === "right";
  const sign = direction === "right" || direction === "down" ? 1 : -1;
  let best: { id: string; cost: number } | null = null;
  for (const [id, place] of Object.entries(places)) {
    const along = (across ? place.x - here.x : place.y - here.y) * sign;
    const aside = Math.abs(across ? place.y - here.y : place.x - here.x);
    if (id === from || along <= 0 || (!across && aside > 100)) continue;
    const cost = along + aside * 2;
    if (best === null || cost < best.cost) best = { id, cost };
  }
  return best?.id ?? null;
}
