// The map as a picture of its own: SVG as text, with no reference to anything outside of it.
import type { Card } from "../api/types";
import type { DrawnCard, DrawnEdge, Drawing } from "./drawing";
import { sparkline } from "./geometry";
import { WIDTH } from "./layout";
import { closedHeight, LIST_TOP, ROW } from "./metrics";
import { byteRate, percent } from "./units";
import { shown, sizeText, widestShare } from "./words";
import { boundsOf } from "./viewport";

/** Colours by token name, as the page shows them at the moment. */
export type Colors = (token: string) => string;

const MARGIN = 32;
const SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
const MONO = "ui-monospace, Menlo, Consolas, monospace";

export function picture({ cards, edges, places, heights }: Drawing, colors: Colors, title: string): { svg: string; width: number; height: number } {
  const bounds = boundsOf(places, heights);
  const below = Math.max(0, ...edges.map(({ curve }) => curve.bottom)) - (bounds.y + bounds.height);
  const width = bounds.width + 2 * MARGIN;
  const height = bounds.height + Math.max(0, below) + 2 * MARGIN;
  const body = [
    element("title", {}, escape(title)),
    element("rect", { x: bounds.x - MARGIN, y: bounds.y - MARGIN, width, height, fill: colors("canvas") }),
    ...edges.filter(({ quiet }) => !quiet).map((edge) => drawEdge(edge, colors)),
    ...cards.map((card) => drawCard(card, colors)),
  ].join("\n");
  const svg = element("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `${bounds.x - MARGIN} ${bounds.y - MARGIN} ${width} ${height}`, width, height, "font-family": SANS, "font-size": 14 }, body);
  return { svg, width, height };
}

function drawEdge({ edge, curve, width }: DrawnEdge, colors: Colors): string {
  const color = colors(edge.state === "stale" && edge.rates === null ? "warn" : "line");
  const dash = edge.rates === null ? { "stroke-dasharray": edge.state === "unknown" ? "2 6" : "8 6" } : {};
  return element("path", { d: curve.path, fill: "none", stroke: color, "stroke-width": width.toFixed(1), "stroke-opacity": 0.55, ...dash }) + element("path", { d: curve.arrow, fill: color });
}

function drawCard({ card, x, y, height, labels }: DrawnCard, colors: Colors): string {
  const traffic = shown(card);
  const muted = { fill: colors("muted"), "font-size": 12 };
  const where = card.addresses.length > 0 ? `${card.addresses.join(" ")} ${card.ports.join(" ")}` : sizeText(card);
  const parts = [
    element("rect", { width: WIDTH, height, rx: 8, fill: colors("surface"), stroke: colors(card.kind === "service" ? "border" : "border-strong") }),
    text(16, 29, card.name, 24, { fill: colors("text"), "font-weight": 600 }),
    text(WIDTH - 16, 29, String(card.size), 8, { ...muted, "text-anchor": "end" }),
    text(16, 47, where, 32, { ...muted, "font-family": MONO }),
    text(16, 71, `← ${byteRate(traffic?.rates?.bytes_in)}   → ${byteRate(traffic?.rates?.bytes_out)}`, 40, { fill: colors("text"), "font-size": 13 }),
    element("path", { d: sparkline(card.spark, 46, 20).line, transform: `translate(${WIDTH - 62} 57)`, fill: "none", stroke: colors("line"), "stroke-width": 1.5 }),
    text(16, 97, labels.join("  "), 40, muted),
    ...memberRows(card, colors),
  ];
  return element("g", { transform: `translate(${x} ${y})` }, parts.join(""));
}

function memberRows(card: Card, colors: Colors): string[] {
  const top = closedHeight(card);
  const members = card.members ?? [];
  const line = members.length > 0 ? [element("path", { d: `M0 ${top + 0.5}H${WIDTH}`, stroke: colors("border") })] : [];
  const widest = widestShare(card) || 1;
  const rows = members.map(({ address, share }, index) => {
    const y = top + LIST_TOP + index * ROW + ROW / 2;
    return [
      text(16, y + 4, address, 22, { fill: colors("text"), "font-size": 12, "font-family": MONO }),
      element("rect", { x: 116, y: y - 4, width: 72, height: 8, rx: 4, fill: colors("hover") }),
      element("rect", { x: 116, y: y - 4, width: ((72 * (share ?? 0)) / widest).toFixed(1), height: 8, rx: 4, fill: colors("line") }),
      text(WIDTH - 16, y + 4, percent(share), 8, { fill: colors("text"), "font-size": 12, "text-anchor": "end" }),
    ].join("");
  });
  const rest = card.members_rest;
  const more = rest === null ? [] : [text(16, top + LIST_TOP + members.length * ROW + ROW / 2 + 4, `and ${rest.count} more`, 30, { fill: colors("muted"), "font-size": 12 })];
  return [...line, ...rows, ...more];
}

function text(x: number, y: number, content: string, most: number, more: Record<string, string | number>): string {
  const clean = [...content];
  const cut = clean.length > most ? `${clean.slice(0, most - 1).join("")}…` : content;
  return cut === "" ? "" : element("text", { x, y, ...more }, escape(cut));
}

function element(name: string, attributes: Record<string, string | number>, content = ""): string {
  const list = Object.entries(attributes).map(([key, value]) => ` ${key}="${escape(String(value))}"`);
  return content === "" ? `<${name}${list.join("")}/>` : `<${name}${list.join("")}>${content}</${name}>`;
}

/** Text for XML: markup becomes text, what XML forbids becomes a sign for it. */
export function escape(content: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return (
    content
      .toWellFormed()
      // XML 1.0 has no way to write these.
      .replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, "\uFFFD")
      .replace(/[&<>"]/g, (char) => entities[char] ?? char)
  );
}
