// Where the cards of each grouping stand: arranged in a worker, remembered in the browser.
import type { MapDocument } from "../api/types";
import { cardOf } from "../lib/focus";
import type { Places } from "../lib/layout";
import { closedHeight } from "../lib/metrics";
import { Layouter } from "./layouter";

const KEY = "svcflow.places.";
/** Cap of what is remembered of one grouping, so that the browser's storage is never full of it. */
const REMEMBERED_MAX = 2_000;

class PlacesState {
  current = $state.raw<Places>({});
  /** Counts up whenever everything was arranged from scratch. */
  arranged = $state(0);
  private group = "";
  private readonly layouter = new Layouter();

  /** Finds places for the cards of a map that have none. */
  update(group: string, map: MapDocument): void {
    if (group !== this.group) {
      this.group = group;
      this.current = read(group);
    }
    if (map.nodes.every(({ id }) => this.current[id] !== undefined)) return;
    this.ask(map, this.current);
  }

  /** Arranges anew all but what was put by hand. */
  rearrange(map: MapDocument): void {
    const pinned = Object.entries(this.current).filter(([, place]) => place.pinned === true);
    this.ask(map, Object.fromEntries(pinned));
  }

  /** Puts a card by hand. */
  move(id: string, x: number, y: number): void {
    this.current = { ...this.current, [id]: { x: Math.round(x / 4) * 4, y: Math.round(y / 4) * 4, pinned: true } };
  }

  letGo(id: string): void {
    const place = this.current[id];
    if (place === undefined) return;
    this.current = { ...this.current, [id]: { x: place.x, y: place.y } };
    this.save();
  }

  save(): void {
    const known = Object.entries(this.current).slice(-REMEMBERED_MAX);
    try {
      localStorage.setItem(KEY + this.group, JSON.stringify(Object.fromEntries(known)));
    } catch {
      // Storage is full or forbidden: places last until the page is left.
    }
  }

  private ask(map: MapDocument, kept: Places): void {
    const boxes = map.nodes.map((card) => ({ id: card.id, kind: card.kind, height: closedHeight(card) }));
    const links = map.edges.map(({ from, to }) => ({ from: cardOf(from), to: cardOf(to) }));
    this.layouter.ask({ boxes, links, kept }, (arranged) => {
      const stayed = boxes.some(({ id }) => kept[id] !== undefined && kept[id].pinned !== true && kept[id].x === arranged[id]?.x && kept[id].y === arranged[id].y);
      this.current = { ...this.current, ...arranged };
      if (!stayed) this.arranged += 1;
      this.save();
    });
  }
}

function read(group: string): Places {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY + group) ?? "{}");
    const places = Object.entries(stored as Places).filter(([, place]) => Number.isFinite(place.x) && Number.isFinite(place.y));
    return Object.fromEntries(places);
  } catch {
    return {};
  }
}

export const places = new PlacesState();
