// What is seen, as the address bar holds it: everything that a link must carry, defaults left out.
import type { Side } from "../api/types";
import { DAY, HOUR, MINUTE } from "./time";

export type Page = "map" | "graph" | "edges" | "nodes";

export interface View {
  page: Page;
  /** Length of the range, in milliseconds. */
  span: number;
  /** The range's end; null follows the latest. */
  until: number | null;
  /** The instant that rates are shown of; null is the range's end. */
  at: number | null;
  filter: string;
  group: string;
  /** Ids of open cards. */
  open: string[];
  selected: string | null;
  /** The table holds only the edges of this card, member or map edge. */
  of: string | null;
  side: Side | null;
  sort: string;
  /** Columns of the table; empty: the usual ones. */
  columns: string[];
}

export const SPANS: { span: number; key: string; name: string }[] = [
  { span: 5 * MINUTE, key: "5m", name: "5 min" },
  { span: HOUR, key: "1h", name: "1 h" },
  { span: DAY, key: "24h", name: "24 h" },
  { span: 7 * DAY, key: "7d", name: "7 d" },
];

export const DEFAULT: View = {
  page: "map",
  span: 5 * MINUTE,
  until: null,
  at: null,
  filter: "",
  group: "service",
  open: [],
  selected: null,
  of: null,
  side: null,
  sort: "-bytes_in",
  columns: [],
};

const PAGES: Page[] = ["map", "graph", "edges", "nodes"];
const LEAST_SPAN = 1_000;
const MOST_SPAN = 3_660 * DAY;

/** `?…` of a view, empty for the default one. */
export function encodeView(view: View): string {
  const parts: [string, string][] = [];
  const add = (key: string, value: string, usual: string) => {
    if (value !== usual) parts.push([key, value]);
  };
  add("page", view.page, DEFAULT.page);
  add("span", SPANS.find(({ span }) => span === view.span)?.key ?? String(view.span), "5m");
  add("until", String(view.until ?? ""), "");
  add("at", String(view.at ?? ""), "");
  add("filter", view.filter, "");
  add("group", view.group, DEFAULT.group);
  for (const id of view.open) parts.push(["open", id]);
  add("sel", view.selected ?? "", "");
  add("of", view.of ?? "", "");
  add("side", view.side ?? "", "");
  add("sort", view.sort, DEFAULT.sort);
  add("columns", view.columns.join(","), "");
  return parts.length === 0 ? "" : `?${parts.map(([key, value]) => `${key}=${encodeValue(value)}`).join("&")}`;
}

/** Anything that makes no sense is as if it weren't there. */
export function decodeView(search: string): View {
  const query = new URLSearchParams(search);
  const page = PAGES.find((one) => one === query.get("page")) ?? DEFAULT.page;
  const side = query.get("side");
  return {
    page,
    span: decodeSpan(query.get("span")),
    until: decodeTime(query.get("until")),
    at: decodeTime(query.get("at")),
    filter: query.get("filter") ?? "",
    group: /^(service|endpoint|node|label:.+)$/s.exec(query.get("group") ?? "")?.[0] ?? DEFAULT.group,
    open: [...new Set(query.getAll("open"))].filter((id) => id !== ""),
    selected: query.get("sel") || null,
    of: query.get("of") || null,
    side: side === "served" || side === "asked" ? side : null,
    sort: /^-?[a-z_]+$/.exec(query.get("sort") ?? "")?.[0] ?? DEFAULT.sort,
    columns: (query.get("columns") ?? "").split(",").filter((name) => /^[a-z_]+$/.test(name)),
  };
}

/** The range, as the API's routes take it. */
export function rangeQuery(view: View): { from: number; until?: number } {
  return view.until === null ? { from: -view.span } : { from: view.until - view.span, until: view.until };
}

/** The range and the instant within it. */
export function instantQuery(view: View): { from: number; until?: number; at?: number } {
  return view.at === null ? rangeQuery(view) : { ...rangeQuery(view), at: view.at };
}

function decodeSpan(text: string | null): number {
  const known = SPANS.find(({ key }) => key === text);
  if (known !== undefined) return known.span;
  const span = Number(text);
  return Number.isInteger(span) && span >= LEAST_SPAN && span <= MOST_SPAN ? span : DEFAULT.span;
}

function decodeTime(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Only what would be misread, so that links stay legible. */
function encodeValue(value: string): string {
  return encodeURIComponent(value).replace(/%(?:3A|2F|2C|3D|21|7E|40)/g, decodeURIComponent).replace(/%20/g, "+");
}
