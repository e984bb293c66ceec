import { arrange, DOTS, layered, type Box, type Link, type Places } from "../lib/layout";

export interface Task {
  number: number;
  boxes: Box[];
  links: Link[];
  /** Places of cards that stay; null: the whole graph, as dots. */
  kept: Places | null;
}

export interface Arranged {
  number: number;
  places: Places;
}

addEventListener("message", ({ data }: MessageEvent<Task>) => {
  const { number, boxes, links, kept } = data;
  const places = kept === null ? layered(boxes, links, DOTS) : arrange(boxes, links, kept);
  postMessage({ number, places } satisfies Arranged);
});
