// 2,000 services, 5,000 endpoints, 20,000 edges.
import type { CDPSession, Page } from "playwright-core";
import { afterAll, describe, expect, it } from "vitest";

import { serve } from "./launch";
import { browser, closeBrowser, visit } from "./visit";

afterAll(closeBrowser);

const MEGABYTE = 1_000_000;

/** A real server over a store with such a world: `SERVE=1 cargo bench -p svcflow-server --bench api`. */
const REAL_BIG = process.env["SVCFLOW_BIG_URL"];

async function heap(session: CDPSession): Promise<number> {
  await session.send("HeapProfiler.collectGarbage");
  return (await session.send("Runtime.getHeapUsage")).usedSize;
}

/** The processors' time that the browser and its children took so far, in milliseconds. */
async function processorTime(): Promise<number> {
  const session = await (await browser()).newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime * 1_000, 0);
}

/**
 * Frames per second while `act` goes on: as seen, and as one processor of its own would give, whatever else
 * the machine does meanwhile.
 */
async function frames(page: Page, act: () => Promise<void>): Promise<{ seen: number; own: number }> {
  const before = await processorTime();
  await page.evaluate(() => {
    const seen = { frames: 0, began: performance.now(), going: true };
    Object.assign(window, { seen });
    const frame = () => {
      seen.frames += 1;
      if (seen.going) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  await act();
  const [count, time] = await page.evaluate(() => {
    const { seen } = window as unknown as { seen: { frames: number; began: number; going: boolean } };
    seen.going = false;
    return [seen.frames, performance.now() - seen.began] as const;
  });
  return { seen: (count / time) * 1_000, own: (count / ((await processorTime()) - before)) * 1_000 };
}

async function panAndZoom(page: Page): Promise<void> {
  await page.mouse.move(500, 300);
  await page.mouse.down();
  for (let step = 0; step < 40; step += 1) await page.mouse.move(500 + 4 * step, 300 + 2 * step);
  await page.mouse.up();
  for (let step = 0; step < 20; step += 1) await page.mouse.wheel(0, step % 2 === 0 ? -120 : 100);
}

describe("big", () => {
  it("paints first in under 2 s, pans and zooms at 30 frames/s or better, in under 300 MB", async () => {
    // A fixed time, so that what the stand-in made for the first visit serves the second: the server's own time is not what is measured.
    const now = 1_767_225_605_000;
    const server = REAL_BIG === undefined ? await serve({ world: "big", now: () => now }) : { url: REAL_BIG, stop: () => Promise.resolve() };
    const open = async () => await (await browser()).newContext({ viewport: { width: 1280, height: 800 } });
    await fetch(`${server.url}api/v1/map?from=-300000&group=service`);
    const paints: number[] = [];
    for (let time = 0; time < 3; time += 1) {
      const fresh = await open();
      const first = await fresh.newPage();
      const began = Date.now();
      await first.goto(server.url, { waitUntil: "commit" });
      await first.locator("article.card").nth(149).waitFor();
      paints.push(Date.now() - began);
      await fresh.close();
    }
    // The best of three, so that what else the machine does is not what is measured.
    const painted = Math.min(...paints);
    const context = await open();
    const page = await context.newPage();
    await page.goto(server.url);
    await page.locator("article.card").nth(149).waitFor();

    await page.waitForTimeout(1_000);
    const rate = await frames(page, () => panAndZoom(page));
    const used = await heap(await context.newCDPSession(page));

    await page.goto(`${server.url}?page=graph`);
    await page.locator(".graph canvas").first().waitFor({ timeout: 60_000 });
    await page.waitForTimeout(1_000);
    const graphRate = await frames(page, () => panAndZoom(page));
    const graphUsed = await heap(await context.newCDPSession(page));

    await page.goto(`${server.url}?page=edges`);
    await page.locator("[data-row='5']").waitFor();
    await page.evaluate(() => document.querySelector("[role=table]")?.scrollTo(0, 400_000));
    await page.locator("[data-row='12510'] [role=cell]").nth(3).waitFor();
    const rows = await page.locator("[data-row]").count();

    console.log(JSON.stringify({ paints, rate, used: used / MEGABYTE, graphRate, graphUsed: graphUsed / MEGABYTE, rows }));
    expect(painted).toBeLessThan(2_000);
    expect(rate.own).toBeGreaterThan(30);
    expect(graphRate.own).toBeGreaterThan(30);
    expect(used).toBeLessThan(300 * MEGABYTE);
    expect(graphUsed).toBeLessThan(300 * MEGABYTE);
    expect(rows, "only rows in view are there").toBeLessThan(80);
    await context.close();
    await server.stop();
  });

  it("does not grow: 360 intervals, as many as an hour has", async () => {
    const seen = await visit({ view: "?sel=clients~service:default:app-svc&open=service:default:app-svc", standIn: { interval: 100 } });
    const { page } = seen;
    const session = await page.context().newCDPSession(page);
    await page.locator("aside canvas").nth(3).waitFor();
    const nodes = () => page.evaluate(() => document.querySelectorAll("*").length);
    await page.waitForTimeout(6_000);
    const [before, elements] = [await heap(session), await nodes()];
    await page.waitForTimeout(36_000);
    const grown = (await heap(session)) - before;
    console.log(JSON.stringify({ before: before / MEGABYTE, grown: grown / MEGABYTE }));
    expect(grown).toBeLessThan(2 * MEGABYTE);
    expect(Math.abs((await nodes()) - elements)).toBeLessThan(60);
    await seen.finish();
  });
});
