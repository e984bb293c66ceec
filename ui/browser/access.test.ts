// Keyboard, screen readers, contrast, phones, reduced motion.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { afterAll, describe, expect, it } from "vitest";

import { card, closeBrowser, visit } from "./visit";

afterAll(closeBrowser);

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  id: string;
  impact: string;
  nodes: { html: string; failureSummary: string }[];
}

/** What axe finds that is serious or worse. */
async function serious(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run: (options: object) => Promise<{ violations: Violation[] }> } };
    return (await axe.run({ resultTypes: ["violations"] })).violations;
  });
  return found
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.slice(0, 3).map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary.split("\n")[1] ?? ""}`));
}

const VIEWS = [
  { name: "map", view: "", ready: "article.card" },
  { name: "open card and panel", view: "?open=service:default:app-svc&sel=service:default:app-svc!10.1.1.5", ready: "aside canvas" },
  { name: "edge", view: "?sel=clients~service:default:app-db", ready: "aside canvas" },
  { name: "table", view: "?page=edges", ready: "[data-row='2']" },
  { name: "nodes", view: "?page=nodes&span=24h", ready: "li.node" },
  { name: "graph", view: "?page=graph", ready: ".graph canvas" },
];

describe("axe", () => {
  it.each(VIEWS.flatMap((view) => [{ ...view, colorScheme: "light" as const }, { ...view, colorScheme: "dark" as const }]))("finds nothing serious: $name, $colorScheme", async ({ view, ready, colorScheme }) => {
    const seen = await visit({ view, context: { colorScheme } });
    await seen.page.locator(ready).first().waitFor();
    await seen.page.waitForTimeout(300);
    expect(await serious(seen.page)).toEqual([]);
    await seen.finish();
  });

  it("finds nothing serious in menus and help, nor on a phone", async () => {
    const seen = await visit({ context: { viewport: { width: 390, height: 844 } } });
    const { page } = seen;
    await page.getByRole("list", { name: /Services/ }).waitFor();
    expect(await serious(page)).toEqual([]);
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.getByLabel("Filter", { exact: true }).focus();
    await page.getByText("part of a name").waitFor();
    expect(await serious(page)).toEqual([]);
    await page.getByRole("button", { name: /Live/ }).click();
    await page.getByText("Live, the last").waitFor();
    expect(await serious(page)).toEqual([]);
    await page.keyboard.press("Escape");
    const banner = page.getByRole("button", { name: /^(All \d+|Details)$/ });
    if ((await banner.count()) > 0) await banner.click();
    expect(await serious(page)).toEqual([]);
    await page.locator("article.card .name").first().focus();
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    expect(await serious(page)).toEqual([]);
    await seen.finish();
  });
});

describe("keyboard", () => {
  it("goes between cards, opens, goes into rows, and back out with Esc", async () => {
    const seen = await visit();
    const { page } = seen;
    const focused = () => page.evaluate(() => (document.activeElement as HTMLElement).dataset["focus"] ?? document.activeElement?.id ?? "");
    await card(page, "clients").waitFor();
    await page.keyboard.press("/");
    expect(await focused()).toBe("filter");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await card(page, "clients").locator(".name").focus();
    await page.keyboard.press("ArrowRight");
    const first = await focused();
    expect(first).not.toBe("clients");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowRight");
    await card(page, "app-svc").locator(".name").focus();
    await page.keyboard.press("Enter");
    await card(page, "app-svc").locator("li button").nth(13).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    expect(await focused()).toBe("service:default:app-svc!10.1.1.2");
    await page.keyboard.press("Enter");
    await page.waitForURL(/sel=service:default:app-svc!10\.1\.1\.2/);
    await page.keyboard.press("Escape");
    await page.waitForURL((url) => !url.search.includes("sel="));
    await page.keyboard.press("Escape");
    await page.waitForURL((url) => !url.search.includes("open="));
    for (const [key, address] of [["e", /page=edges/], ["n", /page=nodes/], ["g", /page=graph/], ["m", /\/$/]] as const) {
      await page.keyboard.press(key);
      await page.waitForURL(address);
    }
    await seen.finish();
  });

  it("has one stop for the whole map, and says in words what a card shows", async () => {
    const seen = await visit();
    const { page } = seen;
    await card(page, "app-db").waitFor();
    expect(await page.locator("article.card button[tabindex='0']").count()).toBe(1);
    const name = await card(page, "app-db").locator(".name").getAttribute("aria-label");
    expect(name).toMatch(/^Service default:app-db, 100\.1\.1\.4:8080( \+1)?, in .*B\/s, out .*B\/s, 3 providers$/);
    const table = page.getByRole("link", { name: "The same as a table" });
    await page.keyboard.press("Tab");
    for (let stop = 0; stop < 30 && !(await table.evaluate((one) => one === document.activeElement)); stop += 1) await page.keyboard.press("Tab");
    expect((await table.boundingBox())?.height, "seen by whoever tabs to it").toBeGreaterThan(16);
    await seen.finish();
  });
});

describe("sizes", () => {
  it.each([320, 390, 720, 1024, 1280, 1920])("nothing runs out of a page %i px wide", async (width) => {
    for (const { view, ready } of VIEWS) {
      const seen = await visit({ view, context: { viewport: { width, height: 844 } } });
      await seen.page.locator(width < 720 && ready === "article.card" ? "ul[aria-label]" : ready).first().waitFor();
      expect(await seen.page.evaluate(() => document.documentElement.scrollWidth), `${view} at ${width}`).toBe(width);
      await seen.finish();
    }
  });

  it("on a phone the map is the list of services and the panel is a page", async () => {
    const seen = await visit({ context: { viewport: { width: 390, height: 844 }, hasTouch: true } });
    const { page } = seen;
    const list = page.getByRole("list", { name: /Services/ });
    await list.getByRole("button", { name: "default:app-svc", exact: true }).tap();
    const panel = page.getByRole("complementary", { name: "Details" });
    await panel.locator("canvas").nth(3).waitFor();
    expect((await panel.boundingBox())?.width).toBe(390);
    await panel.getByRole("button", { name: "Close" }).tap();
    await list.getByRole("button", { name: /14 providers/ }).tap();
    await list.getByText("10.1.1.14").waitFor();
    await seen.finish();
  });

  it("no card covers another, no text runs out of its card, no control out of the map", async () => {
    const open = "?open=service:default:app-svc&open=service:default:app-db&open=clients";
    const beside = "?sel=clients~service:default:app-svc";
    for (const [view, width] of [["", 1280], [open, 1280], ["?group=node", 1280], ["?group=endpoint", 1280], ["", 768], [beside, 1280], [beside, 768]] as const) {
      const seen = await visit({ view, context: { viewport: { width, height: 800 } } });
      await seen.page.locator("article.card").first().waitFor();
      await seen.page.waitForTimeout(500);
      const faults = await seen.page.evaluate(() => {
        const cards = [...document.querySelectorAll<HTMLElement>("article.card")];
        const boxes = cards.map((one) => one.getBoundingClientRect());
        const over = boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
        const inside = (outer: Element, inner: Element) => {
          const [a, b] = [outer.getBoundingClientRect(), inner.getBoundingClientRect()];
          return b.left >= a.left - 1 && b.right <= a.right + 1 && b.top >= a.top - 1 && b.bottom <= a.bottom + 1;
        };
        const texts = cards.flatMap((one) => [...one.querySelectorAll(".name, .address, .size, .rate, .labels, .share")].filter((text) => text.checkVisibility() && !inside(one, text)));
        const map = document.querySelector(".map");
        const controls = [...document.querySelectorAll(".controls button, .controls select, .controls a, .legend")].filter((one) => one.checkVisibility() && map !== null && !inside(map, one));
        return { texts: texts.length, controls: controls.length, over: over.length, out: cards.filter((one) => one.scrollHeight > one.clientHeight + 1 || one.scrollWidth > one.clientWidth + 1).length };
      });
      expect(faults, `${view} at ${width}`).toEqual({ texts: 0, controls: 0, over: 0, out: 0 });
      await seen.finish();
    }
  });

  it("moves nothing for those who want less motion", async () => {
    const seen = await visit({ context: { reducedMotion: "reduce" } });
    await card(seen.page, "app-svc").waitFor();
    const moving = await seen.page.evaluate(() => [...document.querySelectorAll("*")].filter((one) => getComputedStyle(one).transitionDuration !== "0s" || getComputedStyle(one).animationName !== "none").length);
    expect(moving).toBe(0);
    await seen.finish();
  });
});
