// Pan and zoom: a point of the map at (x, y) is seen at (x * scale + left, y * scale + top).
import { WIDTH, type Places } from "./layout";

export interface Viewport {
  left: number;
  top: number;
  scale: number;
}

export interface Bounds {
  x: number;
  y: number;
  width: number;
  height: number;
}

export const SCALE_MIN = 0.08;
export const SCALE_MAX = 2;

/** Zooms by a factor; what is at (x, y) of the screen stays there. */
export function zoomAt(viewport: Viewport, factor: number, x: number, y: number): Viewport {
  const scale = Math.min(SCALE_MAX, Math.max(SCALE_MIN, viewport.scale * factor));
  const ratio = scale / viewport.scale;
  return { scale, left: x - (x - viewport.left) * ratio, top: y - (y - viewport.top) * ratio };
}

/** What makes of a picture painted at one viewport what another shows. */
export function stretched(painted: Viewport, viewport: Viewport): Viewport {
  const scale = viewport.scale / painted.scale;
  return { scale, left: viewport.left - painted.left * scale, top: viewport.top - painted.top * scale };
}

/** In CSS; the origin is the left upper corner. */
export function transform({ left, top, scale }: Viewport): string {
  return `translate(${left}px, ${top}px) scale(${scale})`;
}

/** Of the dots of the ground: they move and grow with the map, and are halved or doubled before they get too far apart or close. */
export function spacing(scale: number): number {
  return 24 * 2 ** (Math.log2(scale) - Math.round(Math.log2(scale)));
}

/** Everything in view and in the middle, at most at full size; `below` is covered by something else. */
export function fit(bounds: Bounds, width: number, height: number, margin: number, below: number): Viewport {
  const room = { width: width - 2 * margin, height: height - margin - Math.max(margin, below) };
  const scale = Math.min(1, Math.max(SCALE_MIN, Math.min(room.width / Math.max(1, bounds.width), room.height / Math.max(1, bounds.height))));
  return {
    scale,
    left: (width - bounds.width * scale) / 2 - bounds.x * scale,
    top: margin + Math.max(0, (room.height - bounds.height * scale) / 2) - bounds.y * scale,
  };
}

/** Moves as little as needed for a box to be seen whole (its left upper corner where it is too large). */
export function reveal(viewport: Viewport, box: Bounds, width: number, height: number, margin: number): Viewport {
  const shift = (start: number, size: number, room: number) => {
    if (start < margin || size > room - 2 * margin) return margin - start;
    return Math.min(0, room - margin - (start + size));
  };
  const left = viewport.left + shift(box.x * viewport.scale + viewport.left, box.width * viewport.scale, width);
  const top = viewport.top + shift(box.y * viewport.scale + viewport.top, box.height * viewport.scale, height);
  return { ...viewport, left, top };
}

export function boundsOf(places: Places, heights: Map<string, number>): Bounds {
  const all = [...heights].flatMap(([id, height]) => (places[id] === undefined ? [] : [{ ...places[id], height }]));
  if (all.length === 0) return { x: 0, y: 0, width: 0, height: 0 };
  const x = Math.min(...all.map((one) => one.x));
  const y = Math.min(...all.map((one) => one.y));
  const right = Math.max(...all.map((one) => one.x + WIDTH));
  const bottom = Math.max(...all.map((one) => one.y + one.height));
  return { x, y, width: right - x, height: bottom - y };
}
