// The real server killed, started again, stopped for a while: the page says so and mends itself.
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { Hello, MapDocument } from "../src/api/types";
import { Demo } from "./demo";
import { api, browser, card, closeBrowser } from "./visit";

describe.skipIf(process.env["SVCFLOW_BIN"] === undefined)("real server", () => {
  let demo: Demo;
  beforeAll(async () => {
    demo = await Demo.start();
  }, 120_000);
  afterAll(async () => {
    await demo.end();
    await closeBrowser();
  });

  it("killed and started again: says since when, keeps what was seen, goes on where it was", async () => {
    const context = await (await browser()).newContext();
    const page = await context.newPage();
    const faults: string[] = [];
    page.on("pageerror", (fault) => faults.push(fault.message));
    await page.goto(demo.url);
    await card(page, "app-svc").locator(".toggle").click();
    await card(page, "app-svc").locator("li button").nth(13).waitFor();
    const before = await api<MapDocument>(demo.url, "map");
    await demo.kill();
    await page.getByText(/The server does not answer since \d\d:\d\d:\d\d/).waitFor();
    expect(await card(page, "app-svc").locator("li button").count()).toBe(14);
    await demo.run();
    await page.getByText("The server was restarted.").waitFor({ timeout: 60_000 });
    await page.getByText(/does not answer/).waitFor({ state: "detached" });
    const label = page.locator(".timeline .at .strong");
    const shown = await label.textContent();
    await expect.poll(() => label.textContent(), { timeout: 20_000 }).not.toBe(shown);

    // What was counted before is there, each byte once: the demo's network and its counters are new ones.
    const { range, all } = before;
    const again = await api<MapDocument>(demo.url, `map?from=${range.from}&until=${range.until}`);
    expect(again.all.totals).toEqual(all.totals);
    expect(faults).toEqual([]);
    await context.close();
  });

  it("stopped for a while: says that no word comes, and recovers", async () => {
    const context = await (await browser()).newContext();
    const page = await context.newPage();
    await page.goto(demo.url);
    await card(page, "app-svc").waitFor();
    demo.signal("SIGSTOP");
    await page.getByText(/No word from the server since/).waitFor({ timeout: 60_000 });
    demo.signal("SIGCONT");
    await page.getByText(/No word from the server since/).waitFor({ state: "detached", timeout: 60_000 });
    const label = page.locator(".timeline .at .strong");
    const shown = await label.textContent();
    await expect.poll(() => label.textContent(), { timeout: 20_000 }).not.toBe(shown);
    await context.close();
  });

  it("replaced by a new version: loads again by itself, and finds the same view", async () => {
    const context = await (await browser()).newContext();
    const page = await context.newPage();
    // The server's word alone is another, as that of the next version would be; all else is the real one's.
    let next = false;
    await page.route("**/api/v1/live", async (route) => {
      if (!next) return await route.continue();
      const { server } = await api<{ server: Hello }>(demo.url, "nodes");
      const hello = { ...server, version: "99.0.0", page: "another", started: server.started + 1 };
      await route.fulfill({ contentType: "text/event-stream", body: `retry: 2000\nevent: hello\ndata: ${JSON.stringify(hello)}\n\n` });
    });
    await page.goto(demo.url);
    await card(page, "app-svc").locator(".toggle").click();
    await page.waitForURL(/open=/);
    const address = page.url();
    next = true;
    await demo.kill();
    await demo.run();
    await page.getByText(/The server has a new version. The page loads again in \d s/).waitFor({ timeout: 60_000 });
    await page.getByText("The server is now version 99.0.0; the page was loaded again.").waitFor({ timeout: 60_000 });
    expect(page.url()).toBe(address);
    await card(page, "app-svc").locator("li button").nth(13).waitFor();
    await context.close();
  });
});
