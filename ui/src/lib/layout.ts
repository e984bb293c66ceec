// Where cards stand: in layers from left to right, as requests go. Pure, so that it runs in a worker and
// in tests. Old cards keep their places; new ones find free ones; nothing depends on rates but the first order.

export interface Box {
  id: string;
  kind: string;
  /** Closed. */
  height: number;
}

export interface Link {
  from: string;
  to: string;
}

export interface Place {
  x: number;
  y: number;
  /** Put there by hand. */
  pinned?: boolean;
}

export type Places = Record<string, Place>;

export const WIDTH = 264;
export const GAP_X = 136;
export const GAP_Y = 24;
const SUB_GAP_X = 40;
const SWEEPS = 6;

/** How cards are spaced. */
const CARDS: Spacing = { width: WIDTH, gapX: GAP_X, subGapX: SUB_GAP_X, gapY: GAP_Y, rowsMin: 8, layersMax: 8 };
/** How the dots of the whole graph are. */
export const DOTS: Spacing = { width: 8, gapX: 160, subGapX: 16, gapY: 8, rowsMin: 40, layersMax: 16 };

export interface Spacing {
  width: number;
  /** Between layers. */
  gapX: number;
  /** Between the columns of one layer. */
  subGapX: number;
  gapY: number;
  rowsMin: number;
  layersMax: number;
}

/** Everything in layers, from scratch. */
export function layered(boxes: Box[], links: Link[], spacing: Spacing): Places {
  return new Graph(boxes, links, spacing.layersMax).columns(spacing);
}

/**
 * Places for all boxes. Those in `kept` stay, unless most of the boxes are new: then everything but what
 * was put by hand is arranged from scratch.
 */
export function arrange(boxes: Box[], links: Link[], kept: Places): Places {
  const old = boxes.filter(({ id }) => kept[id] !== undefined);
  const fresh = old.length * 2 < boxes.length;
  const places: Places = {};
  for (const { id } of old) {
    const place = kept[id];
    if (place !== undefined && (!fresh || place.pinned === true)) places[id] = place;
  }
  const graph = new Graph(boxes, links, CARDS.layersMax);
  if (fresh) {
    const free = graph.columns(CARDS);
    for (const [id, place] of Object.entries(free)) places[id] ??= place;
  } else {
    for (const box of boxes) places[box.id] ??= findPlace(box, boxes, graph, places);
  }
  return places;
}

/** The places with room made for open cards: what stands below one in its column moves down as far as it must. */
export function settle(boxes: (Box & { open: number })[], places: Places): Places {
  const settled: Places = {};
  const sorted = boxes.filter(({ id }) => places[id] !== undefined).sort((a, b) => (places[a.id]?.y ?? 0) - (places[b.id]?.y ?? 0) || (a.id < b.id ? -1 : 1));
  const done: { x: number; top: number; bottom: number }[] = [];
  for (const { id, open } of sorted) {
    const { x, y, ...more } = places[id] ?? { x: 0, y: 0 };
    let top = y;
    for (const other of done) {
      const beside = Math.abs(other.x - x) < WIDTH;
      if (beside && top < other.bottom + GAP_Y && top + open > other.top) top = other.bottom + GAP_Y;
    }
    done.push({ x, top, bottom: top + open });
    done.sort((a, b) => a.top - b.top);
    settled[id] = { ...more, x, y: top };
  }
  return settled;
}

class Graph {
  readonly next = new Map<string, string[]>();
  readonly previous = new Map<string, string[]>();
  readonly layer = new Map<string, number>();
  private readonly others: Box[];
  private readonly boxes: Box[];

  constructor(
    boxes: Box[],
    links: Link[],
    private readonly layersMax: number,
  ) {
    this.others = boxes.filter(({ kind }) => kind === "other");
    this.boxes = boxes.filter(({ kind }) => kind !== "other");
    for (const { id } of this.boxes) {
      this.next.set(id, []);
      this.previous.set(id, []);
    }
    const seen = new Map<string, Set<string>>();
    for (const { from, to } of links) {
      const known = seen.get(from) ?? seen.set(from, new Set()).get(from);
      if (from === to || !this.next.has(from) || !this.next.has(to) || known?.has(to) === true) continue;
      known?.add(to);
      this.next.get(from)?.push(to);
      this.previous.get(to)?.push(from);
    }
    this.layers();
  }

  /** Longest way from the left, links that close a cycle left out, squeezed into a few layers. */
  private layers(): void {
    const state = new Map<string, "open" | "done">();
    const order: string[] = [];
    const forward = new Map<string, string[]>();
    const visit = (root: string) => {
      const stack = [{ id: root, at: 0 }];
      state.set(root, "open");
      for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
        const to = this.next.get(top.id)?.[top.at];
        top.at += 1;
        if (to === undefined) {
          state.set(top.id, "done");
          order.push(top.id);
          stack.pop();
        } else if (state.get(to) !== "open") {
          (forward.get(top.id) ?? forward.set(top.id, []).get(top.id))?.push(to);
          if (!state.has(to)) {
            state.set(to, "open");
            stack.push({ id: to, at: 0 });
          }
        }
      }
    };
    const asks = ({ kind, id }: Box) => (kind === "clients" ? 0 : kind === "outside" && this.previous.get(id)?.length === 0 ? 1 : this.previous.get(id)?.length === 0 ? 2 : 3);
    for (const box of [...this.boxes].sort((a, b) => asks(a) - asks(b))) if (!state.has(box.id)) visit(box.id);
    for (const id of order.reverse()) {
      const layer = this.layer.get(id) ?? 0;
      this.layer.set(id, layer);
      for (const to of forward.get(id) ?? []) this.layer.set(to, Math.max(this.layer.get(to) ?? 0, layer + 1));
    }
    const last = Math.max(0, ...this.layer.values());
    if (last < this.layersMax) return;
    for (const [id, layer] of this.layer) this.layer.set(id, Math.floor((layer * this.layersMax) / (last + 1)));
  }

  /** All boxes placed from scratch. */
  columns({ width, gapX, subGapX, gapY, rowsMin }: Spacing): Places {
    const layers: Box[][] = [];
    for (const box of this.boxes) (layers[this.layer.get(box.id) ?? 0] ??= []).push(box);
    const columns = layers.filter((layer) => layer.length > 0);
    this.order(columns);
    const rows = Math.max(rowsMin, Math.ceil(Math.sqrt(this.boxes.length * 2)));
    const places: Places = {};
    const heights: number[] = [];
    let x = 0;
    const slices = columns.flatMap((column) => {
      const parts = Math.ceil(column.length / rows);
      const size = Math.ceil(column.length / parts);
      return Array.from({ length: parts }, (_, part) => ({ boxes: column.slice(part * size, (part + 1) * size), last: part === parts - 1 }));
    });
    for (const slice of slices) heights.push(stackHeight(slice.boxes, gapY));
    const tallest = Math.max(0, ...heights);
    slices.forEach((slice, index) => {
      let y = snap((tallest - (heights[index] ?? 0)) / 2);
      for (const { id, height } of slice.boxes) {
        places[id] = { x, y };
        y += height + gapY;
      }
      x += width + (slice.last ? gapX : subGapX);
    });
    this.others.forEach(({ id }, index) => {
      places[id] = { x: index * (width + subGapX), y: tallest + 2 * gapY };
    });
    return places;
  }

  /** Each box near the middle of what it is linked to, so that few lines cross. */
  private order(columns: Box[][]): void {
    const rank = new Map<string, number>();
    const remember = (column: Box[]) => column.forEach(({ id }, index) => rank.set(id, (index + 0.5) / column.length));
    columns.forEach(remember);
    for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
      const right = sweep % 2 === 0;
      for (const column of right ? columns : [...columns].reverse()) {
        const wish = new Map(column.map(({ id }) => [id, mean((right ? this.previous : this.next).get(id) ?? [], rank) ?? rank.get(id) ?? 0]));
        column.sort((a, b) => (wish.get(a.id) ?? 0) - (wish.get(b.id) ?? 0));
        remember(column);
      }
    }
  }
}

/** A free place for a new box: in the column right of who asks it, near the middle of its neighbours. */
function findPlace(box: Box, boxes: Box[], graph: Graph, places: Places): Place {
  const known = (ids: string[] | undefined) => (ids ?? []).flatMap((id) => (places[id] === undefined ? [] : [places[id]]));
  const before = known(graph.previous.get(box.id));
  const after = known(graph.next.get(box.id));
  const all = Object.values(places);
  const bottom = boxes.reduce((low, { id, height }) => Math.max(low, (places[id]?.y ?? -Infinity) + height), 0);
  if (box.kind === "other") return { x: Math.min(0, ...all.map(({ x }) => x)), y: snap(bottom + 2 * GAP_Y) };
  const columns = [...new Set(all.map((place) => place.x))].sort((a, b) => a - b);
  const right = Math.max(...before.map((place) => place.x)) + WIDTH;
  const left = Math.min(...after.map((place) => place.x)) - WIDTH;
  const x =
    before.length > 0
      ? (columns.find((one) => one > right) ?? right + GAP_X)
      : after.length > 0
        ? (columns.findLast((one) => one < left) ?? left - GAP_X)
        : Math.min(0, ...columns);
  const near = [...before, ...after];
  const wish = near.length > 0 ? snap(near.reduce((sum, { y }) => sum + y, 0) / near.length) : 0;
  const column = boxes.flatMap(({ id, height }) => {
    const place = places[id];
    return place !== undefined && Math.abs(place.x - x) < WIDTH ? [{ top: place.y, bottom: place.y + height }] : [];
  });
  return { x, y: freeY(wish, box.height, column) };
}

function freeY(wish: number, height: number, taken: { top: number; bottom: number }[]): number {
  const free = (y: number) => taken.every(({ top, bottom }) => y + height + GAP_Y <= top || y >= bottom + GAP_Y);
  const tries = [wish, ...taken.flatMap(({ top, bottom }) => [top - GAP_Y - height, bottom + GAP_Y])];
  tries.sort((a, b) => Math.abs(a - wish) - Math.abs(b - wish));
  return tries.find(free) ?? wish;
}

function stackHeight(boxes: Box[], gap: number): number {
  return boxes.reduce((sum, { height }) => sum + height + gap, -gap);
}

function mean(ids: string[], rank: Map<string, number>): number | null {
  return ids.length === 0 ? null : ids.reduce((sum, id) => sum + (rank.get(id) ?? 0), 0) / ids.length;
}

function snap(value: number): number {
  return Math.round(value / 4) * 4;
}
