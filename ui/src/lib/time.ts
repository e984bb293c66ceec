// Times and durations as text, in the reader's time zone, always with 24 hours.
import type { Range } from "../api/types";


export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const two = (number: number) => String(number).padStart(2, "0");

/** "10:42:10" */
export function clockTime(at: number): string {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** "2026-01-31" */
export function isoDate(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The time, with its date where that isn't today's: "10:42:10", "2026-01-31 10:42". */
export function moment(at: number, now: number): string {
  const date = isoDate(at);
  return date === isoDate(now) ? clockTime(at) : `${date} ${clockTime(at).slice(0, 5)}`;
}

/** Whether a range begins before each look is kept, so that its first part is made of longer sums. */
export function isSummed(range: Pick<Range, "interval" | "resolution">): boolean {
  return range.resolution > range.interval;
}

/** The two greatest units: "3 s", "12 min", "2 h 5 min", "1 d". */
export function duration(milliseconds: number): string {
  const units: [number, string][] = [
    [DAY, "d"],
    [HOUR, "h"],
    [MINUTE, "min"],
    [SECOND, "s"],
  ];
  const whole = Math.round(Math.abs(milliseconds) / SECOND) * SECOND;
  const first = units.findIndex(([unit]) => whole >= unit);
  if (first < 0) return "0 s";
  let rest = whole;
  const parts = units.slice(first, first + 2).flatMap(([unit, name]) => {
    const number = Math.floor(rest / unit);
    rest -= number * unit;
    return number > 0 ? [`${number} ${name}`] : [];
  });
  return parts.join(" ");
}

/** A difference of clocks: "12 ms", "-3 s". */
export function signedDuration(milliseconds: number): string {
  const sign = milliseconds < 0 ? "−" : "+";
  return Math.abs(milliseconds) < SECOND ? `${sign}${Math.abs(milliseconds)} ms` : sign + duration(milliseconds);
}

/** What `<input type="datetime-local">` takes and gives. */
export function toLocalInput(at: number): string {
  return `${isoDate(at)}T${clockTime(at)}`;
}

export function fromLocalInput(text: string): number | null {
  const at = new Date(text).getTime();
  return Number.isNaN(at) ? null : at;
}
