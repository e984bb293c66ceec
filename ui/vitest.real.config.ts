// Tests on a real server with live traffic: `svcflow demo` (SVCFLOW_BIN names the program), or the one that SVCFLOW_URL names.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/contract.test.ts", "browser/journey.test.ts", "browser/access.test.ts", "browser/real.test.ts"],
    environment: "node",
    globalSetup: "browser/real.setup.ts",
    testTimeout: 180_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
