// Server gone, slow, restarted, replaced: the page says so and mends itself.
import { afterAll, describe, expect, it } from "vitest";

import { serve } from "./launch";
import { browser, card, closeBrowser } from "./visit";

afterAll(closeBrowser);

/** A page whose server may be stopped and started; what fails meanwhile is meant to. */
async function open(options: Parameters<typeof serve>[0]) {
  const server = await serve(options);
  const context = await (await browser()).newContext();
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (fault) => faults.push(fault.message));
  await page.goto(server.url);
  return { server, page, faults, context };
}

const DEMO = { world: "demo", interval: 1_000 };

describe("server", () => {
  it("gone: says since when, keeps what was seen, recovers and says that it was restarted", async () => {
    const { server, page, faults, context } = await open(DEMO);
    await card(page, "app-svc").waitFor();
    await server.stop();
    await page.getByText(/The server does not answer since \d\d:\d\d:\d\d/).waitFor();
    expect(await card(page, "app-svc").count()).toBe(1);
    const again = await serve(DEMO, server.port);
    await page.getByText("The server was restarted.").waitFor({ timeout: 30_000 });
    await page.getByText(/does not answer/).waitFor({ state: "detached" });
    const label = page.locator(".timeline .at .strong");
    const before = await label.textContent();
    await expect.poll(() => label.textContent(), { timeout: 20_000 }).not.toBe(before);
    expect(faults).toEqual([]);
    await context.close();
    await again.stop();
  });

  it("replaced by a new version: says so, loads again by itself, finds the same view", async () => {
    const { server, page, context } = await open(DEMO);
    await card(page, "app-svc").locator(".toggle").click();
    await page.waitForURL(/open=/);
    const address = page.url();
    await server.stop();
    const again = await serve({ ...DEMO, version: "0.2.0" }, server.port);
    await page.getByText(/The server has a new version. The page loads again in \d s/).waitFor({ timeout: 30_000 });
    await page.getByText("The server is now version 0.2.0; the page was loaded again.").waitFor({ timeout: 30_000 });
    expect(page.url()).toBe(address);
    await card(page, "app-svc").locator("li button").nth(13).waitFor();
    await context.close();
    await again.stop();
  });

  it("slow: says so, and shows the answer when it comes", async () => {
    const { server, page, context } = await open({ ...DEMO, delay: 3_000 });
    await page.getByText("The server takes long to answer").waitFor();
    await card(page, "app-svc").waitFor({ timeout: 20_000 });
    await page.getByText("The server takes long to answer").waitFor({ state: "detached" });
    await context.close();
    await server.stop();
  });

  it("silent: notices that no word comes", async () => {
    const { server, page, context } = await open({ ...DEMO, silentAfter: 2_000 });
    await card(page, "app-svc").waitFor();
    await page.getByText(/No word from the server since/).waitFor({ timeout: 30_000 });
    await context.close();
    await server.stop();
  });

  it("new and empty: counts down to the first interval and says what to do", async () => {
    const { server, page, context } = await open({ world: "empty", interval: 10_000 });
    await page.getByRole("heading", { name: "Waiting for the first interval" }).waitFor();
    await page.getByText(/^\d+ s$/).waitFor();
    await page.getByText(/svcflow agent/).waitFor();
    await context.close();
    await server.stop();
  });

  it("refuses: shows its words and the remedy", async () => {
    const { server, page, context } = await open(DEMO);
    await page.goto(`${server.url}?filter=%22open`);
    await page.getByRole("alert").getByText("The filter: this quote is not closed").waitFor();
    await page.goto(`${server.url}?filter=name:nobody`);
    await page.getByText("This filter selects no edge in this range.").waitFor();
    await page.getByRole("button", { name: "Clear the filter", exact: true }).last().click();
    await card(page, "app-svc").waitFor();
    await context.close();
    await server.stop();
  });
});
