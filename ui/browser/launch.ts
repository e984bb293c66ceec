// Chromium as Debian has it, with an empty profile.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { chromium, type Browser } from "playwright-core";

import { StandIn, type Options } from "../standin/server";

const ARGUMENTS = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-unsafe-swiftshader"];

export async function launch(): Promise<Browser> {
  return await chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    headless: true,
    chromiumSandbox: false,
    args: ARGUMENTS,
  });
}

/** A stand-in that listens; `stop` cuts its connections as a crash would. */
export async function serve(options: Options, port = 0): Promise<{ url: string; port: number; stop: () => Promise<void> }> {
  const standIn = new StandIn(options);
  const server: Server = createServer((request, response) => {
    standIn.handle(request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  const stop = async () => {
    standIn.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${bound}/`, port: bound, stop };
}
