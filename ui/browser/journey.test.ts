// What a newcomer does with the demo, also on live traffic of a real server.
import { readFile } from "node:fs/promises";
import { afterAll, describe, expect, it } from "vitest";

import type { Edges, MapDocument } from "../src/api/types";
import { byteRate } from "../src/lib/units";
import { api, card, closeBrowser, visit, type Visit } from "./visit";

afterAll(closeBrowser);

/** Of the address bar: what the API is asked for the same range. */
function fixedRange(url: string): string {
  const query = new URL(url).searchParams;
  const until = Number(query.get("until"));
  const at = query.get("at");
  return `from=${until - 300_000}&until=${until}${at === null ? "" : `&at=${at}`}`;
}

/** As RFC 4180 has it. */
function parseCsv(text: string): string[][] {
  const lines = [...text.matchAll(/((?:"(?:[^"]|"")*"|[^",\r\n]*)(?:,(?:"(?:[^"]|"")*"|[^",\r\n]*))*)\r\n/g)].map((match) => match[1] ?? "");
  return lines.map((line) => [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map((match) => match[1]?.replaceAll('""', '"') ?? match[2] ?? ""));
}

async function names({ page }: Visit): Promise<string[]> {
  return (await page.locator("article.card .name").allTextContents()).map((name) => name.trim()).sort();
}

describe("journey", () => {
  it("goes from the map into one edge's history, to the past, and home", async () => {
    const seen = await visit();
    const { page, url } = seen;

    // Both services, who asks them, and how much.
    await card(page, "app-svc").waitFor();
    await card(page, "app-db").waitFor();
    await page.waitForFunction(() => [...document.querySelectorAll("article.card .rate")].some((rate) => /[MkG]?B\/s/.test(rate.textContent)));

    // app-svc opens in place into its 14 providers, with their shares.
    await card(page, "app-svc").locator(".toggle").click();
    await card(page, "app-svc").locator("li button").nth(13).waitFor();
    const shares = await card(page, "app-svc").locator("li .share").allTextContents();
    expect(shares.length).toBe(14);
    expect(shares.reduce((sum, share) => sum + parseFloat(share), 0)).toBeGreaterThan(95);
    await card(page, "app-db").locator(".toggle").click();
    await card(page, "app-db").locator("li button").nth(2).waitFor();
    expect(await card(page, "app-svc").locator("li button").count(), "several are open at once").toBe(14);
    await card(page, "app-db").locator(".toggle").click();

    // An edge: its panel, its series, which goes on by itself.
    const edge = page.locator(".hit[data-edge$='~service:default:app-db']").first();
    await edge.waitFor({ state: "attached" });
    const id = await edge.getAttribute("data-edge");
    await edge.dispatchEvent("click");
    const panel = page.getByRole("complementary", { name: "Details" });
    await panel.locator(".charts canvas").nth(3).waitFor();
    const label = page.locator(".timeline .at .strong");
    const [before, figures] = [await label.textContent(), await panel.locator("table").first().textContent()];
    await page.waitForFunction((text) => document.querySelector(".timeline .at .strong")?.textContent !== text, before, { timeout: 60_000 });
    await page.waitForFunction((text) => document.querySelector("aside table")?.textContent !== text, figures, { timeout: 60_000 });
    expect(await panel.getByRole("heading", { level: 2 }).textContent()).toContain("app-db");
    expect(new URL(page.url()).searchParams.get("sel")).toBe(id);

    // Only what has to do with tier=db, exactly as the API says.
    await page.keyboard.press("/");
    await page.keyboard.type("tier=db");
    await page.waitForURL(/filter=tier=db/);
    const wanted = await api<MapDocument>(url, "map?filter=tier%3Ddb");
    const expected = wanted.nodes.map(({ name }) => name).sort();
    await expect.poll(() => names(seen), { timeout: 20_000 }).toEqual(expected);
    expect(expected.some((name) => name.includes("app-db"))).toBe(true);
    await page.getByLabel("Clear the filter").click();
    await card(page, "clients").waitFor();

    // To the past: the range stands still, and the map shows what the API says of that instant.
    await page.getByLabel("The instant that is shown").focus();
    for (let step = 0; step < 3; step += 1) await page.keyboard.press("ArrowLeft");
    await page.waitForURL(/at=\d+/);
    const past = await api<MapDocument>(url, `map?${fixedRange(page.url())}`);
    const db = past.nodes.find(({ name }) => name.includes("app-db"));
    await expect.poll(() => card(page, "app-db").locator(".rate").first().textContent(), { timeout: 20_000 }).toBe(byteRate(db?.served?.rates?.bytes_in));
    await page.waitForTimeout(2_500);
    expect(await card(page, "app-db").locator(".rate").first().textContent(), "a fixed range never moves by itself").toBe(byteRate(db?.served?.rates?.bytes_in));

    // The table's CSV is what the API says, to the last byte.
    await page.getByRole("link", { name: "Edges", exact: true }).click();
    await page.getByRole("table", { name: "Edges" }).waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "CSV" }).click()]);
    const [head = [], ...told] = parseCsv(await readFile(await download.path(), "utf8"));
    const rows = await api<Edges>(url, `edges?${fixedRange(page.url())}&sort=-bytes_in&limit=0`);
    const column = (name: string) => head.indexOf(name);
    expect(told.map((line) => [line[column("endpoint")], line[column("provider")], line[column("bytes_in")], line[column("packets_out")]])).toEqual(
      rows.rows.map((row) => [row.endpoint, row.provider, String(row.bytes_in), String(row.packets_out)]),
    );
    expect(await page.locator("[data-row='0'] [role=cell]").first().textContent()).toContain(rows.rows[0]?.endpoint ?? "nobody");

    // The back button goes back to the map.
    await page.goBack();
    await card(page, "app-svc").waitFor();

    // Loading again finds the same view.
    await page.waitForTimeout(400);
    const look = () => page.evaluate(() => [...document.querySelectorAll<HTMLElement>("article.card, .world")].map((one) => `${one.dataset["card"] ?? ""} ${one.style.transform} ${one.style.height}`));
    await expect.poll(async () => (await look()).length).toBeGreaterThan(3);
    const [address, view] = [page.url(), await look()];
    await page.reload();
    await panel.locator(".charts canvas").nth(3).waitFor();
    await page.waitForTimeout(400);
    expect(page.url()).toBe(address);
    expect(await look()).toEqual(view);

    // And home.
    await page.getByRole("button", { name: "Now", exact: true }).click();
    await page.waitForURL((now) => !now.search.includes("until="));
    await seen.finish();
  });

  it("keeps cards in their places while numbers change, and where they were put by hand", async () => {
    const seen = await visit();
    const { page } = seen;
    await card(page, "app-db").waitFor();
    const place = (name: string) => card(page, name).evaluate((one) => (one as HTMLElement).style.transform);
    const [svc, db] = [await place("app-svc"), await place("app-db")];
    const label = page.locator(".timeline .at .strong");
    const first = await label.textContent();
    await expect.poll(() => label.textContent(), { timeout: 60_000 }).not.toBe(first);
    expect([await place("app-svc"), await place("app-db")]).toEqual([svc, db]);

    const box = await card(page, "app-db").boundingBox();
    if (box === null) throw new Error("no card");
    await page.mouse.move(box.x + 40, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + 80, box.y + 160, { steps: 4 });
    await page.mouse.up();
    const moved = await place("app-db");
    expect(moved).not.toBe(db);
    expect(new URL(page.url()).search, "a drag is no click").toBe("");
    await page.reload();
    await card(page, "app-db").waitFor();
    expect(await place("app-db")).toBe(moved);
    await card(page, "app-db").getByRole("button", { name: /Let go/ }).click();
    await page.getByRole("button", { name: "Arrange anew" }).click();
    await expect.poll(() => place("app-db")).toBe(db);
    await seen.finish();
  });

  it("calls no instant of the past live", async () => {
    const seen = await visit({ view: `?at=${Date.now() - 5_000}` });
    await seen.page.locator(".timeline .at").getByText("−").waitFor();
    expect(await seen.page.locator(".timeline .at").textContent()).not.toContain("live");
    await seen.page.getByRole("button", { name: "Now", exact: true }).click();
    await seen.page.locator(".timeline .at").getByText("live").waitFor();
    await seen.finish();
  });

  it("saves the map as SVG and PNG", async () => {
    const seen = await visit();
    const { page } = seen;
    await card(page, "app-db").waitFor();
    for (const kind of ["SVG", "PNG"]) {
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: kind, exact: true }).click()]);
      expect(download.suggestedFilename()).toMatch(new RegExp(`^svcflow-map-[\\d-]+\\.${kind.toLowerCase()}$`));
      const file = await readFile(await download.path());
      if (kind === "SVG") expect(file.toString()).toContain("app-svc");
      else expect([...file.subarray(1, 4)]).toEqual([...Buffer.from("PNG")]);
      expect(file.length).toBeGreaterThan(2_000);
    }
    await seen.finish();
  });
});
