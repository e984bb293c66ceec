// Tests in a real browser, against the stand-in or, where SVCFLOW_URL names it, a real server with the demo's traffic.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["browser/**/*.test.ts"],
    exclude: ["browser/real.test.ts"],
    environment: "node",
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // Figures of speed are taken; files that run beside would spoil them.
    fileParallelism: false,
  },
});
