// A visit to the page that fails where the console, the network or the Content-Security-Policy complains.
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { expect } from "vitest";

import type { Options } from "../standin/server";
import { launch, serve } from "./launch";

/** A real server with the demo's traffic. */
export const REAL = process.env["SVCFLOW_URL"];

export interface Visit {
  page: Page;
  url: string;
  /** What complained so far; `finish` expects nothing. */
  complaints: string[];
  finish: () => Promise<void>;
}

export interface Wish {
  /** The world of the stand-in; only "demo" has its like on a real server. */
  world?: string;
  /** Behind the address: "?page=edges". */
  view?: string;
  standIn?: Partial<Options>;
  context?: BrowserContextOptions;
}

/** What the browser's own software driver for WebGL says of itself. */
const DRIVER = /GL Driver Message .* GPU stall due to ReadPixels/;

let shared: Promise<Browser> | null = null;

export function browser(): Promise<Browser> {
  shared ??= launch();
  return shared;
}

export async function closeBrowser(): Promise<void> {
  await (await shared)?.close();
  shared = null;
}

export async function visit({ world = "demo", view = "", standIn = {}, context = {} }: Wish = {}): Promise<Visit> {
  const server = REAL !== undefined && world === "demo" ? { url: REAL, stop: () => Promise.resolve() } : await serve({ world, interval: 1_000, ...standIn });
  const opened = await (await browser()).newContext({ viewport: { width: 1280, height: 800 }, acceptDownloads: true, ...context });
  const page = await opened.newPage();
  const complaints = watch(page, server.url);
  await page.goto(server.url + view);
  return {
    page,
    url: server.url,
    complaints,
    finish: async () => {
      await opened.close();
      await server.stop();
      expect(complaints).toEqual([]);
    },
  };
}

function watch(page: Page, url: string): string[] {
  const complaints: string[] = [];
  page.on("console", (message) => {
    const text = message.text();
    if (["error", "warning"].includes(message.type()) && !DRIVER.test(text)) complaints.push(`${message.type()}: ${text}`);
  });
  page.on("pageerror", (fault) => complaints.push(`exception: ${fault.message}`));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url())) complaints.push(`left the server: ${request.url()}`);
  });
  return complaints;
}

export function card(page: Page, name: string): Locator {
  return page.locator("article.card").filter({ has: page.locator(".name", { hasText: name }) });
}

/** Asks the API from outside the page. */
export async function api<T>(url: string, path: string): Promise<T> {
  const response = await fetch(new URL(`api/v1/${path}`, url));
  expect(response.status, path).toBe(200);
  return (await response.json()) as T;
}
