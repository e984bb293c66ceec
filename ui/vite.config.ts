import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";
import type { Plugin } from "vite";

import { licenses } from "./scripts/licenses";

/** `npm run dev` answers the API from the stand-in, or from a real server where SVCFLOW_URL names one. */
function api(): Plugin {
  return {
    name: "svcflow-api",
    apply: "serve",
    async configureServer(server) {
      if (process.env["SVCFLOW_URL"] !== undefined) return;
      const { StandIn } = await import("./standin/server");
      const standIn = new StandIn({ world: process.env["SVCFLOW_WORLD"] ?? "demo" });
      server.middlewares.use((request, response, next) => {
        if (!standIn.handleApi(request, response)) next();
      });
    },
  };
}

export default defineConfig({
  // Every address is relative: the page may stand below a path of a reverse proxy.
  base: "./",
  plugins: [svelte(), api(), licenses()],
  build: {
    target: "es2022",
    // Data URLs would need holes in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: "es" },
  server: process.env["SVCFLOW_URL"] === undefined ? {} : { proxy: { "/api": process.env["SVCFLOW_URL"] } },
  test: { include: ["tests/**/*.test.ts"], environment: "node", testTimeout: 300_000 },
});
