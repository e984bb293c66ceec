// Names that somebody typed to break the page show as text, everywhere.
import { afterAll, describe, expect, it } from "vitest";

import { HOSTILE_NAMES } from "../standin/worlds";
import { card, closeBrowser, visit } from "./visit";

afterAll(closeBrowser);

const shown = (name: string) => name.replace(/\s+/g, " ").trim();

describe("hostile names", () => {
  it("are text on the map, in rows, in the panel and in the address", async () => {
    const seen = await visit({ world: "hostile" });
    const { page } = seen;
    await card(page, "emoji").waitFor();
    const found = (await page.locator("article.card .name").allTextContents()).map(shown);
    for (const name of HOSTILE_NAMES) expect(found).toContain(shown(name));
    for (const name of HOSTILE_NAMES) {
      const one = page.locator(`article.card[data-card^="service:"]`).filter({ has: page.locator(".name").getByText(name, { exact: true }) });
      await one.locator(".name").click();
      const title = page.getByRole("complementary", { name: "Details" }).getByRole("heading", { level: 2 });
      await expect.poll(async () => shown((await title.textContent()) ?? ""), { timeout: 20_000 }).toBe(shown(name));
      await one.locator(".toggle").click();
      await one.locator("li button").nth(2).waitFor();
      await one.locator(".toggle").click();
      await page.reload();
      await expect.poll(async () => shown((await title.textContent()) ?? ""), { timeout: 20_000 }).toBe(shown(name));
    }
    expect(await page.locator("img:not([src='icon.svg']), script:not([src])").count()).toBe(0);
    await seen.finish();
  });

  it("never make a card, the panel or the page wider", async () => {
    const seen = await visit({ world: "hostile" });
    const { page } = seen;
    await card(page, "xxxxx").locator(".toggle").click();
    await card(page, "xxxxx").locator(".name").click();
    await page.getByRole("complementary", { name: "Details" }).locator("canvas").first().waitFor();
    const wide = await page.evaluate(() => {
      const scale = document.querySelector<HTMLElement>(".world")?.getBoundingClientRect();
      const inner = [...document.querySelectorAll("article.card")].filter((one) => one.scrollWidth > one.clientWidth + 1);
      const aside = document.querySelector("aside");
      return { page: document.documentElement.scrollWidth - innerWidth, cards: inner.length, panel: aside === null ? 1 : aside.scrollWidth - aside.clientWidth, world: scale?.width };
    });
    expect(wide).toMatchObject({ page: 0, cards: 0, panel: 0 });
    await seen.finish();
  });

  it("are text in the table, the nodes, the graph and the filter", async () => {
    const seen = await visit({ world: "hostile", view: "?page=edges" });
    const { page } = seen;
    await page.locator("[data-row='3']").waitFor();
    expect(await page.locator("[role=table]").textContent()).toContain("<img src=x onerror=");
    await page.getByRole("link", { name: "Nodes", exact: true }).click();
    await page.getByText("faulty").waitFor();
    expect(await page.getByRole("region", { name: "Nodes" }).textContent()).toContain("<script>alert(2)</script>");
    await page.goto(`${seen.url}?page=graph`);
    await page.getByText(/services/).first().waitFor();
    await page.getByLabel("Find a name or address").fill("<img");
    await page.getByText(/\d+ match/).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("complementary", { name: "Details" }).waitFor();
    await page.goto(seen.url);
    await page.getByLabel("Filter", { exact: true }).fill('name:"{{braces}}"');
    await page.waitForURL(/filter=/);
    await card(page, "{{braces}}").waitFor();
    await expect.poll(() => page.locator("article.card[data-card^='service:']").count()).toBe(1);
    await page.getByLabel("Filter", { exact: true }).fill('name:"{{braces}}');
    await page.getByRole("alert").getByText("this quote is not closed").waitFor();
    await seen.finish();
  });
});
