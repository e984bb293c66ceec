// npm run screenshots: the pictures of the manual, into docs/images, made small by pngquant: of a real server on the demo's traffic (SVCFLOW_BIN
// names the program, or SVCFLOW_URL a server that runs with some minutes of history). Only the crowd of "everything" is made up.
import { execFileSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";

import { Demo } from "./demo";
import { launch, serve } from "./launch";

const FOLDER = "../docs/images";
const PHONE = { width: 390, height: 844 };
const SVC = "service:default:app-svc";
/** The range is filled by then. */
const HISTORY = 310_000;

const PICTURES: { name: string; view: string; ready: string; big?: boolean; dark?: boolean; size?: { width: number; height: number } }[] = [
  { name: "map", view: "", ready: "article.card" },
  { name: "open-service", view: `?open=${SVC}&open=service:default:app-db`, ready: "article li" },
  { name: "edge-panel", view: "?sel=clients~service:default:app-db", ready: "aside canvas" },
  { name: "table", view: "?page=edges", ready: "[data-row='9']" },
  { name: "nodes", view: "?page=nodes", ready: "li.node" },
  { name: "dark", view: `?open=service:default:app-db&sel=${SVC}`, ready: "aside canvas", dark: true },
  { name: "everything", view: "?page=graph&filter=team=team-3,tier=db", ready: ".graph canvas", big: true, dark: true },
  { name: "phone", view: "?open=service:default:app-db", ready: "ul ol", size: PHONE },
  { name: "phone-panel", view: `?sel=${SVC}`, ready: "aside canvas", size: PHONE, dark: true },
];

mkdirSync(FOLDER, { recursive: true });
const named = process.env["SVCFLOW_URL"];
const demo = named === undefined ? await Demo.start(["--clients"]) : null;
if (demo !== null) await new Promise((resolve) => setTimeout(resolve, HISTORY));
const crowd = await serve({ world: "big" });
const browser = await launch();
for (const { name, view, ready, big = false, dark = false, size = { width: 1280, height: 800 } } of PICTURES) {
  const context = await browser.newContext({ viewport: size, colorScheme: dark ? "dark" : "light" });
  const page = await context.newPage();
  await page.goto((big ? crowd.url : (named ?? demo?.url ?? "")) + view);
  await page.locator(ready).first().waitFor();
  await page.waitForTimeout(2_500);
  const path = `${FOLDER}/${name}.png`;
  await page.screenshot({ path });
  execFileSync("pngquant", ["--force", "--skip-if-larger", "--output", path, "256", path]);
  console.log(path, `${(statSync(path).size / 1_000).toFixed(0)} kB`);
  await context.close();
}
await browser.close();
await crowd.stop();
await demo?.end();
