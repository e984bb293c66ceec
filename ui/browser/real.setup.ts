// Before the tests on a real server: the demo runs, and has a little history. SVCFLOW_URL may name a server that runs already.
import { Demo } from "./demo";

/** There must be a past to travel to. */
const HISTORY = 20_000;

export default async function setup(): Promise<() => Promise<void>> {
  if (process.env["SVCFLOW_URL"] !== undefined) return () => Promise.resolve();
  const demo = await Demo.start();
  process.env["SVCFLOW_URL"] = demo.url;
  await new Promise((resolve) => setTimeout(resolve, HISTORY));
  return () => demo.end();
}
