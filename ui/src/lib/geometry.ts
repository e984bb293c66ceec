// Lines between cards: from the right side of who asks to the left side of who answers, past the cards between.

export interface Point {
  x: number;
  y: number;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Curve {
  path: string;
  /** Of the arrow, a triangle that ends at the target. */
  arrow: string;
  /** The lowest point. */
  bottom: number;
}

const BEND_MIN = 40;
const RUN = 28;
const CORNER = 14;
/** How far a line stays from a card that it passes. */
const CLEAR = 12;

/** Width of a line for a rate in bytes per second: 1 px for nothing, about one more each time it is ten times as much. */
export function lineWidth(rate: number | null): number {
  return rate === null || rate <= 1 ? 1 : Math.min(8, 1 + Math.log10(rate) * 0.8);
}

/** Cards that stand below each other, sorted from left to right: what a line has to pass. */
export interface Column {
  left: number;
  right: number;
  /** From top to bottom; none overlap. */
  taken: { top: number; bottom: number }[];
}

export function columnsOf(boxes: readonly Box[]): Column[] {
  const columns: Column[] = [];
  for (const { x, y, width, height } of [...boxes].sort((a, b) => a.x - b.x)) {
    const last = columns.at(-1);
    const span = { top: y - CLEAR, bottom: y + height + CLEAR };
    if (last !== undefined && x < last.right) {
      last.right = Math.max(last.right, x + width);
      last.taken.push(span);
    } else columns.push({ left: x, right: x + width, taken: [span] });
  }
  for (const column of columns) column.taken = merged(column.taken);
  return columns;
}

/** `floor` is the lower edge of what a line that runs back must pass below. */
export function curve(from: Point, to: Point, width: number, floor: number, columns: readonly Column[]): Curve {
  const size = 5 + width * 1.1;
  const tip = to.x - 1;
  const end = { x: tip - size, y: to.y };
  const arrow = `M${tip} ${to.y}L${round(end.x)} ${round(to.y - size * 0.62)}L${round(end.x)} ${round(to.y + size * 0.62)}Z`;
  if (to.x - from.x <= RUN) return { path: around(from, end, floor), arrow, bottom: floor };
  let path = `M${from.x} ${from.y}`;
  let pen = from;
  let bottom = Math.max(from.y, to.y);
  for (const { left, right, taken } of columns) {
    if (left < pen.x || right > end.x) continue;
    const part = ((left + right) / 2 - pen.x) / (end.x - pen.x);
    const lane = freeLane(pen.y + (end.y - pen.y) * part, taken);
    if (lane === null) continue;
    path += bend(pen, { x: left, y: lane }) + `H${round(right)}`;
    pen = { x: right, y: lane };
    bottom = Math.max(bottom, lane);
  }
  return { path: path + bend(pen, end), arrow, bottom };
}

/** Null where the way is free. */
function freeLane(y: number, taken: readonly { top: number; bottom: number }[]): number | null {
  const hit = taken.find(({ top, bottom }) => y > top && y < bottom);
  if (hit === undefined) return null;
  return y - hit.top < hit.bottom - y ? hit.top : hit.bottom;
}

function merged(spans: { top: number; bottom: number }[]): { top: number; bottom: number }[] {
  const all: { top: number; bottom: number }[] = [];
  for (const span of spans.sort((a, b) => a.top - b.top)) {
    const last = all.at(-1);
    // Two cards 24 px apart leave one lane, between them.
    if (last !== undefined && span.top < last.bottom) last.bottom = Math.max(last.bottom, span.bottom);
    else all.push({ ...span });
  }
  return all;
}

function bend(from: Point, to: Point): string {
  const reach = Math.max(Math.min(BEND_MIN, to.x - from.x), (to.x - from.x) / 2);
  return `C${round(from.x + reach)} ${round(from.y)} ${round(to.x - reach)} ${round(to.y)} ${round(to.x)} ${round(to.y)}`;
}

/** Back to the left, or to the same card: out on the right, below everything, and in from the left. */
function around(from: Point, end: Point, floor: number): string {
  const right = from.x + RUN;
  const left = end.x - RUN / 2;
  const r = CORNER;
  return [
    `M${from.x} ${from.y}H${round(right - r)}q${r} 0 ${r} ${r}`,
    `V${round(floor - r)}q0 ${r} ${-r} ${r}`,
    `H${round(left + r)}q${-r} 0 ${-r} ${-r}`,
    `V${round(end.y + r)}q0 ${-r} ${r} ${-r}`,
    `H${round(end.x)}`,
  ].join("");
}

/** A line through values within a box, from zero to the greatest; gaps are left open. */
export function sparkline(values: readonly (number | null)[], width: number, height: number): { line: string; area: string } {
  const most = Math.max(0, ...values.map((value) => value ?? 0));
  let line = "";
  let area = "";
  let open = false;
  let x = 0;
  values.forEach((value, index) => {
    if (value === null) {
      if (open) area += `V${height}Z`;
      open = false;
      return;
    }
    x = values.length > 1 ? round((index / (values.length - 1)) * width) : 0;
    const y = most > 0 ? round(height - (value / most) * height) : height;
    line += `${open ? "L" : "M"}${x} ${y}`;
    area += open ? `L${x} ${y}` : `M${x} ${height}V${y}`;
    open = true;
  });
  return { line, area: open ? `${area}V${height}Z` : area };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
