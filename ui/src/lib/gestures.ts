// Pointer gestures of the map: drag the ground to pan, a card to move it, two fingers or the wheel to zoom.
import { zoomAt, type Viewport } from "./viewport";

export interface Gestures {
  viewport(): Viewport;
  look(viewport: Viewport): void;
  /** A card is dragged by so much on the screen; `done` at the end. */
  drag(card: string, dx: number, dy: number, done: boolean): void;
}

const CLICK_WITHIN = 4;

/** For use as a Svelte action on the map's element. */
export function gestures(element: HTMLElement, on: Gestures): { destroy(): void } {
  const pointers = new Map<number, { x: number; y: number }>();
  let moving: { card: string | null; x: number; y: number; from: Viewport; started: boolean } | null = null;

  const local = (event: PointerEvent | WheelEvent) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  const down = (event: PointerEvent) => {
    if (event.button !== 0 || (event.target as Element).closest("[data-still]") !== null) return;
    const at = local(event);
    pointers.set(event.pointerId, at);
    const card = (event.target as Element).closest<HTMLElement>("[data-card]")?.dataset["card"] ?? null;
    moving = pointers.size === 1 ? { ...at, card, from: on.viewport(), started: false } : null;
  };

  const move = (event: PointerEvent) => {
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    const at = local(event);
    pointers.set(event.pointerId, at);
    if (pointers.size === 2) {
      pinch(event.pointerId, before, at);
      return;
    }
    if (moving === null) return;
    const [dx, dy] = [at.x - moving.x, at.y - moving.y];
    if (!moving.started && Math.hypot(dx, dy) < CLICK_WITHIN) return;
    if (!moving.started) element.setPointerCapture(event.pointerId);
    moving.started = true;
    if (moving.card === null) on.look({ ...moving.from, left: moving.from.left + dx, top: moving.from.top + dy });
    else on.drag(moving.card, dx, dy, false);
  };

  const pinch = (id: number, before: { x: number; y: number }, at: { x: number; y: number }) => {
    const other = [...pointers].find(([key]) => key !== id)?.[1];
    if (other === undefined) return;
    const factor = Math.hypot(at.x - other.x, at.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
    const middle = { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 };
    const zoomed = zoomAt(on.viewport(), factor, middle.x, middle.y);
    on.look({ ...zoomed, left: zoomed.left + (at.x - before.x) / 2, top: zoomed.top + (at.y - before.y) / 2 });
  };

  const up = (event: PointerEvent) => {
    pointers.delete(event.pointerId);
    if (moving?.started === true) {
      if (moving.card !== null) on.drag(moving.card, 0, 0, true);
      // What follows a drag is no click.
      element.addEventListener("click", swallow, { capture: true, once: true });
      setTimeout(() => {
        element.removeEventListener("click", swallow, { capture: true });
      });
    }
    moving = null;
  };

  const swallow = (event: Event) => {
    event.stopPropagation();
    event.preventDefault();
  };

  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const { x, y } = local(event);
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
    on.look(zoomAt(on.viewport(), Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015)), x, y));
  };

  element.addEventListener("pointerdown", down);
  element.addEventListener("pointermove", move);
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("wheel", wheel, { passive: false });
  return {
    destroy() {
      element.removeEventListener("pointerdown", down);
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", up);
      element.removeEventListener("pointercancel", up);
      element.removeEventListener("wheel", wheel);
    },
  };
}
