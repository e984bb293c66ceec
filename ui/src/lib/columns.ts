// The table's columns: what they are called, how wide they are, what a cell says.
import type { EdgeRow } from "../api/types";
import { moment } from "./time";
import { byteCount, byteRate, count, packetRate } from "./units";

export interface Column {
  key: keyof EdgeRow;
  name: string;
  /** Least width in pixels; what is over is shared by text columns. */
  width: number;
  text: boolean;
  /** Takes a part of the room that is left. */
  grows?: boolean;
  cell: (row: EdgeRow, now: number) => string;
  /** Said besides, in a lighter tone. */
  aside?: (row: EdgeRow) => string;
}

const withPort = (address: string, port: number | null) => (port === null || port === 0 ? address : `${address.includes(":") ? `[${address}]` : address}:${port}`);

export const COLUMNS: Column[] = [
  { key: "endpoint", grows: true, name: "Endpoint", width: 184, text: true, cell: ({ endpoint }) => endpoint, aside: ({ endpoint_name }) => endpoint_name },
  { key: "service", grows: true, name: "Service", width: 228, text: true, cell: ({ service, service_port }) => (service === null ? "direct" : withPort(service, service_port)), aside: ({ service_name }) => service_name ?? "" },
  { key: "provider", grows: true, name: "Provider", width: 204, text: true, cell: ({ provider, provider_port }) => withPort(provider, provider_port), aside: ({ provider_name }) => provider_name },
  { key: "protocol", name: "Protocol", width: 80, text: true, cell: ({ protocol }) => protocol },
  { key: "node", name: "Node", width: 80, text: true, cell: ({ node }) => node },
  { key: "rate_bytes_in", name: "In", width: 96, text: false, cell: ({ rate_bytes_in }) => byteRate(rate_bytes_in) },
  { key: "rate_bytes_out", name: "Out", width: 96, text: false, cell: ({ rate_bytes_out }) => byteRate(rate_bytes_out) },
  { key: "rate_packets_in", name: "Packets in", width: 104, text: false, cell: ({ rate_packets_in }) => packetRate(rate_packets_in) },
  { key: "rate_packets_out", name: "Packets out", width: 112, text: false, cell: ({ rate_packets_out }) => packetRate(rate_packets_out) },
  { key: "bytes_in", name: "Total in", width: 96, text: false, cell: ({ bytes_in }) => byteCount(bytes_in) },
  { key: "bytes_out", name: "Total out", width: 96, text: false, cell: ({ bytes_out }) => byteCount(bytes_out) },
  { key: "packets_in", name: "Total packets in", width: 144, text: false, cell: ({ packets_in }) => count(packets_in) },
  { key: "packets_out", name: "Total packets out", width: 152, text: false, cell: ({ packets_out }) => count(packets_out) },
  { key: "state", name: "State", width: 96, text: true, cell: ({ state, marks }) => [state, ...marks].join(", ") },
  { key: "relation", name: "Relation", width: 136, text: true, cell: ({ relation }) => relation },
  { key: "first", name: "First", width: 144, text: true, cell: ({ first }, now) => moment(first, now) },
  { key: "last", name: "Last", width: 144, text: true, cell: ({ last }, now) => moment(last, now) },
];

export const USUAL: (keyof EdgeRow)[] = ["endpoint", "service", "provider", "protocol", "node", "rate_bytes_in", "rate_bytes_out", "bytes_in", "bytes_out", "state"];

/** The columns chosen, in the table's own order. */
export function chosen(keys: readonly string[]): Column[] {
  const wanted: readonly string[] = keys.length === 0 ? USUAL : keys;
  const found = COLUMNS.filter(({ key }) => wanted.includes(key));
  return found.length > 0 ? found : COLUMNS.filter(({ key }) => USUAL.includes(key));
}

/** The sort after a click on a column: numbers begin with the greatest, text with the first. */
export function nextSort(sort: string, { key, text }: Column): string {
  if (sort === key) return `-${key}`;
  if (sort === `-${key}`) return key;
  return text ? key : `-${key}`;
}

export function gridTemplate(columns: readonly Column[]): string {
  return columns.map(({ width, grows }) => (grows === true ? `minmax(${width}px, 1fr)` : `${width}px`)).join(" ");
}

/** Below this the table scrolls sideways. */
export function leastWidth(columns: readonly Column[]): number {
  return columns.reduce((sum, { width }) => sum + width, 16);
}
