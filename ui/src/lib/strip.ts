// The strip of the timeline: areas of known traffic, and where the times are written.
import { clockTime, DAY, HOUR, isoDate, MINUTE, SECOND } from "./time";

interface Columns {
  times: number[];
  bytes_in: (number | null)[];
  bytes_out: (number | null)[];
  range: { from: number; until: number; step: number };
}

/** One closed path for each run without a gap. */
export function bands({ times, bytes_in, bytes_out, range }: Columns, width: number, height: number): string[] {
  const values = times.map((_, index) => {
    const [received, sent] = [bytes_in[index], bytes_out[index]];
    return received == null || sent == null ? null : received + sent;
  });
  const most = Math.max(1, ...values.map((value) => value ?? 0));
  const x = (at: number) => (((at - range.from) / Math.max(1, range.until - range.from)) * width).toFixed(1);
  const paths: string[] = [];
  let run: string[] = [];
  const close = (at: number) => {
    if (run.length > 0) paths.push(`${run.join("")}V${height}Z`);
    run = [];
    return at;
  };
  values.forEach((value, index) => {
    const at = times[index] ?? 0;
    if (value === null) {
      close(at);
      return;
    }
    const y = (height - (value / most) * height).toFixed(1);
    run.push(run.length === 0 ? `M${x(at)} ${height}V${y}` : `V${y}`, `H${x(at + range.step)}`);
  });
  close(range.until);
  return paths;
}

const STEPS = [10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 30 * DAY, 365 * DAY];

/** At most `most` round local times within a range, none nearer to its ends than a part of it. */
export function ticks(from: number, until: number, most: number, near: number): { at: number; text: string }[] {
  const span = until - from;
  const step = STEPS.find((one) => span / one <= most) ?? span;
  const offset = new Date(from).getTimezoneOffset() * MINUTE;
  const found: { at: number; text: string }[] = [];
  for (let at = Math.ceil((from - offset) / step) * step + offset; at <= until; at += step) {
    if (at - from < span * near || until - at < span * near) continue;
    found.push({ at, text: step >= DAY ? isoDate(at).slice(5) : step < MINUTE ? clockTime(at) : clockTime(at).slice(0, 5) });
  }
  return found;
}
