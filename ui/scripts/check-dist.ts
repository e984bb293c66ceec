// Proves that the page that is checked in is what the sources give: builds into an empty folder and compares
// every byte. Also that what the first view loads stays small.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const FIRST_VIEW_MAX = 200_000;

function filesIn(folder: string): Map<string, Buffer> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(entries.map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return [relative(folder, path), readFileSync(path)] as const;
  }).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Bytes, compressed, of index.html, of what it names, and of what those import at once, workers included. */
function firstView(files: Map<string, Buffer>): number {
  const index = files.get("index.html")?.toString() ?? "";
  const named = [...index.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map((match) => match[1] ?? "");
  const workers = [...files.keys()].filter((name) => name.includes("worker"));
  return ["index.html", ...named, ...workers].reduce((sum, name) => sum + gzipSync(files.get(name) ?? Buffer.alloc(0)).length, 0);
}

const folder = mkdtempSync(join(tmpdir(), "svcflow-dist-"));
try {
  await build({ logLevel: "error", build: { outDir: folder, emptyOutDir: true } });
  const [made, kept] = [filesIn(folder), filesIn("dist")];
  const names = new Set([...made.keys(), ...kept.keys()]);
  const different = [...names].filter((name) => !made.get(name)?.equals(kept.get(name) ?? Buffer.alloc(0)));
  if (different.length > 0) {
    console.error(`dist/ is not what the sources give: ${different.join(", ")}\nRun: npm ci && npm run build, and commit dist/.`);
    process.exitCode = 1;
  }
  const size = firstView(made);
  console.log(`dist/: ${names.size} files compared; the first view loads ${(size / 1000).toFixed(1)} kB compressed`);
  if (size > FIRST_VIEW_MAX) {
    console.error(`The first view is over ${FIRST_VIEW_MAX / 1000} kB.`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}
