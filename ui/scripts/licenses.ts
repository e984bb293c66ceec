// A plugin for Vite that puts the licences of everything that is built in beside the page.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

/** `…/node_modules/@scope/name` of a module within it. */
function packageOf(id: string): string | null {
  return /^(?:\0)?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1] ?? null;
}

function entry(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, string>;
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  const text = file === undefined ? "" : readFileSync(join(folder, file), "utf8").trim();
  return `${name ?? folder} ${version ?? ""} (${license ?? "see below"})\n\n${text}\n`;
}

export function licenses(): Plugin {
  return {
    name: "svcflow-licenses",
    apply: "build",
    generateBundle(_, bundle) {
      const modules = Object.values(bundle).flatMap((chunk) => (chunk.type === "chunk" ? chunk.moduleIds : []));
      const folders = [...new Set(modules.map(packageOf))].filter((folder) => folder !== null && existsSync(join(folder, "package.json")));
      const entries = folders.map((folder) => entry(folder ?? "")).sort();
      this.emitFile({ type: "asset", fileName: "licenses.txt", source: entries.join("\n" + "-".repeat(80) + "\n\n") });
    },
  };
}
