// npm run screenshots: the pictures of the manual, from the demo's traffic, into docs/images; made small by pngquant.
import { execFileSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";

import { launch, serve } from "./launch";

const FOLDER = "../docs/images";
const PHONE = { width: 390, height: 844 };
const SVC = "service:default:app-svc";

const PICTURES: { name: string; view: string; ready: string; world?: string; dark?: boolean; size?: { width: number; height: number } }[] = [
  { name: "map", view: "", ready: "article.card" },
  { name: "open-service", view: `?open=${SVC}&open=service:default:app-db`, ready: "article li" },
  { name: "edge-panel", world: "demo", view: "?span=1h&sel=clients~service:default:app-db", ready: "aside canvas" },
  { name: "table", view: "?page=edges", ready: "[data-row='9']" },
  { name: "nodes", world: "demo", view: "?page=nodes&span=24h", ready: "li.node" },
  { name: "dark", view: `?open=service:default:app-db&sel=${SVC}`, ready: "aside canvas", dark: true },
  { name: "everything", world: "big", view: "?page=graph&filter=team=team-3", ready: ".graph canvas", dark: true },
  { name: "phone", view: "?open=service:default:app-db", ready: "ul ol", size: PHONE },
  { name: "phone-panel", view: `?sel=${SVC}`, ready: "aside canvas", size: PHONE, dark: true },
];

mkdirSync(FOLDER, { recursive: true });
const now = new Date(2026, 0, 31, 10, 42, 13).getTime();
const browser = await launch();
for (const { name, view, ready, world = "calm", dark = false, size = { width: 1280, height: 800 } } of PICTURES) {
  const server = await serve({ world, now: () => now });
  const context = await browser.newContext({ viewport: size, colorScheme: dark ? "dark" : "light" });
  const page = await context.newPage();
  await page.clock.setFixedTime(now);
  await page.goto(server.url + view);
  await page.locator(ready).first().waitFor();
  await page.waitForTimeout(1_000);
  const path = `${FOLDER}/${name}.png`;
  await page.screenshot({ path });
  execFileSync("pngquant", ["--force", "--skip-if-larger", "--output", path, "256", path]);
  console.log(path, `${(statSync(path).size / 1_000).toFixed(0)} kB`);
  await context.close();
  await server.stop();
}
await browser.close();
