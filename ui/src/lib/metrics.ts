// Heights of a card's parts, in pixels of the map: the layout, the lines and the picture all need them.
import type { Card } from "../api/types";

export const HEAD = 92;
export const LABELS = 20;
export const ROW = 28;
export const LIST_TOP = 5;
export const LIST_BOTTOM = 8;
/** Where lines meet a card: the middle of its name. */
export const PORT = 24;

export function closedHeight(card: Card): number {
  return HEAD + (hasLabels(card) ? LABELS : 0);
}

export function openHeight(card: Card): number {
  if (card.members === null) return closedHeight(card);
  const rows = card.members.length + (card.members_rest === null ? 0 : 1);
  return closedHeight(card) + LIST_TOP + Math.max(1, rows) * ROW + LIST_BOTTOM;
}

/** From the card's top to the middle of a member's row. */
export function rowPort(card: Card, index: number): number {
  return closedHeight(card) + LIST_TOP + index * ROW + ROW / 2;
}

export function hasLabels(card: Card): boolean {
  return labelsOf(card).length > 0;
}

/** A service's selectors stand for its labels. */
export function labelsOf(card: Card): [string, string][] {
  return Object.entries({ ...card.selectors, ...card.labels });
}
