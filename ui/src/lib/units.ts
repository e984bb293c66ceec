// Numbers as people read them: SI prefixes, three significant digits, "–" for unknown.

const PREFIXES = ["", "k", "M", "G", "T", "P", "E"];
const NONE = "–";

/** Three significant digits and the prefix: 12345 is ["12.3", "k"]. */
export function scale(value: number): [digits: string, prefix: string] {
  let index = 0;
  let scaled = value;
  // 999.5 would round to a fourth digit.
  while (scaled >= 999.5 && index < PREFIXES.length - 1) {
    scaled /= 1000;
    index += 1;
  }
  if (scaled === 0) return ["0", ""];
  if (scaled >= 999.5) return [scaled.toPrecision(3), PREFIXES[index] ?? ""];
  const decimals = scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
  return [scaled.toFixed(decimals), PREFIXES[index] ?? ""];
}

function withUnit(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return NONE;
  const [digits, prefix] = scale(value);
  return `${digits} ${prefix}${unit}`;
}

export function byteRate(value: number | null | undefined): string {
  return withUnit(value, "B/s");
}

export function packetRate(value: number | null | undefined): string {
  return withUnit(value, "/s");
}

/** A total; whole bytes have no decimals. */
export function byteCount(value: number | null | undefined): string {
  return value !== null && value !== undefined && value < 1000 ? `${Math.round(value)} B` : withUnit(value, "B");
}

/** A count in full up to five digits, then with a prefix. */
export function count(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (value < 99_999.5) return Math.round(value).toLocaleString("en-US");
  return scale(value).join(" ");
}

/** Of one: "34 %", "3.4 %", "<0.1 %". */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) return NONE;
  const hundred = share * 100;
  if (hundred === 0) return "0 %";
  if (hundred < 0.1) return "<0.1 %";
  return `${hundred < 9.95 ? hundred.toFixed(1) : hundred.toFixed(0)} %`;
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}
