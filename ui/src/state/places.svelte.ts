// Where the cards of each grouping stand: arranged in a worker, remembered in the browser.
import type { MapDocument } from "../api/types";
import { cardOf } from "../lib/focus";
import type { Places } from "../lib/layout";
import { closedHeight } from "../lib/metrics";
import type { Arranged, Task } from "./layout.worker";

const KEY = "svcflow.places.";
/** Cap of what is remembered of one grouping, so that the browser's storage is never full of it. */
const REMEMBERED_MAX = 2_000;

class PlacesState {
  current = $state.raw<Places>({});
  /** Counts up whenever everything was arranged from scratch. */
  arranged = $state(0);
  private group = "";
  private number = 0;
  private worker: Worker | null = null;
  private task: Task | null = null;

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
    this.number += 1;
    this.task = {
      number: this.number,
      boxes: map.nodes.map((card) => ({ id: card.id, kind: card.kind, height: closedHeight(card) })),
      links: map.edges.map(({ from, to }) => ({ from: cardOf(from), to: cardOf(to) })),
      kept,
    };
    this.worker ??= this.start();
    this.worker.postMessage(this.task);
  }

  private start(): Worker {
    const worker = new Worker(new URL("./layout.worker.ts", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data }: MessageEvent<Arranged>) => {
      if (data.number !== this.task?.number) return;
      const scratch = this.task.boxes.every(({ id }) => this.task?.kept[id] === undefined || data.places[id]?.x !== this.task.kept[id].x);
      this.current = { ...this.current, ...data.places };
      if (scratch) this.arranged += 1;
      this.save();
    });
    return worker;
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
