import { arrange, type Box, type Link, type Places } from "../lib/layout";

export interface Task {
  number: number;
  boxes: Box[];
  links: Link[];
  kept: Places;
}

export interface Arranged {
  number: number;
  places: Places;
}

addEventListener("message", ({ data }: MessageEvent<Task>) => {
  const { number, boxes, links, kept } = data;
  postMessage({ number, places: arrange(boxes, links, kept) } satisfies Arranged);
});
