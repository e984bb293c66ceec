// The real server, on live traffic: `svcflow demo`, which makes a small container network and counts in it.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { MapDocument } from "../src/api/types";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Demo {
  private process: ChildProcess | null = null;
  private said = "";

  private constructor(
    private readonly program: string,
    private readonly port: number,
    private readonly folder: string,
    private readonly more: string[],
  ) {}

  /** SVCFLOW_BIN names the program. */
  static async start(more: string[] = []): Promise<Demo> {
    const program = process.env["SVCFLOW_BIN"];
    if (program === undefined) throw new Error("SVCFLOW_BIN must name an svcflow program, such as target/debug/svcflow");
    const demo = new Demo(program, await freePort(), await mkdtemp(join(tmpdir(), "svcflow-demo-")), more);
    await demo.run();
    return demo;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** Starts it, anew at the same address and with the same data after `kill`, and waits until it has counted something. */
  async run(): Promise<void> {
    const child = spawn(this.program, ["demo", "--json", "--listen", `127.0.0.1:${this.port}`, "--data", this.folder, ...this.more], { stdio: ["ignore", "ignore", "pipe"] });
    this.process = child;
    child.stderr.on("data", (text: Buffer) => {
      this.said = (this.said + text.toString()).slice(-4_000);
    });
    const began = Date.now();
    while (!(await this.hasCounted(began))) {
      if (child.exitCode !== null || Date.now() - began > 90_000) throw new Error(`svcflow demo does not run: ${this.said}`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  private async hasCounted(since: number): Promise<boolean> {
    try {
      const answer = (await (await fetch(`${this.url}api/v1/map`)).json()) as MapDocument;
      return (answer.range.latest ?? 0) > since && answer.all.totals.bytes_in > 0;
    } catch {
      return false;
    }
  }

  signal(name: NodeJS.Signals): void {
    this.process?.kill(name);
  }

  /** As a crash ends it. */
  async kill(): Promise<void> {
    const child = this.process;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async end(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
