// A server that answers as openapi.json says, from made-up data; it serves the built page as the real one does.
import { createReadStream, existsSync, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, normalize } from "node:path";
import { gzipSync } from "node:zlib";

import type { Hello, Topology } from "../src/api/types";
import { edges, graph } from "./edges";
import { map } from "./map";
import { nodes } from "./notices";
import { rangeOf, Refusal, time } from "./select";
import { series } from "./series";
import { Traffic } from "./traffic";
import { WORLDS } from "./worlds";

export const HEADERS = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
};

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

export interface Options {
  world: string;
  interval?: number;
  version?: string;
  /** Milliseconds that every answer takes. */
  delay?: number;
  /** Milliseconds after which the events cease although connections stay open. */
  silentAfter?: number;
  dist?: string;
  /** The time that stands for now; the real one by default. */
  now?: () => number;
}

export class StandIn {
  private readonly traffic: Traffic;
  private readonly listeners = new Set<ServerResponse>();
  private answers = { latest: null as number | null, byUrl: new Map<string, object>() };
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(private readonly options: Options) {
    const build = WORLDS[options.world];
    if (build === undefined) throw new Error(`there is no world ${options.world}: ${Object.keys(WORLDS).join(", ")}`);
    const now = options.now ?? Date.now;
    this.traffic = new Traffic(build(), { started: now(), interval: options.interval ?? 10_000, now });
    let latest = this.traffic.latest();
    const tick = setInterval(() => {
      if (this.traffic.latest() === latest) return;
      latest = this.traffic.latest();
      this.tell("tick", { latest, now: now() });
    }, 100);
    const ping = setInterval(() => {
      this.tell("ping", { now: now() });
    }, 5_000);
    this.timers.push(tick.unref(), ping.unref());
  }

  close(): void {
    this.timers.forEach(clearInterval);
    this.listeners.forEach((response) => response.end());
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    if (!this.handleApi(request, response)) this.page(request, response);
  }

  /** Answers where the address is the API's. */
  handleApi(request: IncomingMessage, response: ServerResponse): boolean {
    const url = new URL(request.url ?? "/", "http://standin");
    if (!url.pathname.startsWith("/api/")) return false;
    setTimeout(() => {
      try {
        this.route(url, request, response);
      } catch (fault) {
        if (!(fault instanceof Refusal)) throw fault;
        const { message, remedy, position, status } = fault;
        this.send(request, response, status, { error: { message, remedy, position } });
      }
    }, this.options.delay ?? 0);
    return true;
  }

  private route(url: URL, request: IncomingMessage, response: ServerResponse): void {
    const { traffic } = this;
    const query = url.searchParams;
    switch (url.pathname) {
      case "/api/v1/map":
        return this.send(request, response, 200, this.remembered(url, () => map(traffic, query)));
      case "/api/v1/series":
        return this.send(request, response, 200, this.remembered(url, () => series(traffic, query)));
      case "/api/v1/edges": {
        const csv = query.get("format") === "csv" || request.headers.accept === "text/csv";
        return this.send(request, response, 200, edges(traffic, query, csv));
      }
      case "/api/v1/graph":
        return this.send(request, response, 200, graph(traffic, query));
      case "/api/v1/nodes":
        return this.send(request, response, 200, nodes(traffic, rangeOf(traffic, query).span, this.hello()));
      case "/api/v1/topology":
        return this.send(request, response, 200, this.topology(time(query, "at")));
      case "/api/v1/live":
        return this.live(response);
      default:
        throw new Refusal(404, `There is no ${url.pathname}.`);
    }
  }

  /** What was answered to the same question since the last interval. */
  private remembered(url: URL, make: () => object): object {
    const latest = this.traffic.latest();
    if (this.answers.latest !== latest) this.answers = { latest, byUrl: new Map() };
    const answer = this.answers.byUrl.get(url.href) ?? make();
    this.answers.byUrl.set(url.href, answer);
    return answer;
  }

  private hello(): Hello {
    const version = this.options.version ?? "0.1.0";
    const { started, interval } = this.traffic.clock;
    return { version, started, now: this.traffic.clock.now(), latest: this.traffic.latest(), interval, page: version };
  }

  private topology(at: number | null): Topology {
    const { world, clock } = this.traffic;
    return {
      at: at ?? clock.now(),
      services: world.services.map(({ id, name, source, address, port, providerPort, protocol, selectors, providers }) => ({
        id, name, source, selectors, providers, addresses: [address], ports: [{ service: port, provider: providerPort, protocol }], labels: {},
      })),
      owners: [...world.owners.values()].map((owner) => ({ ...owner, source: "static", since: clock.started - owner.since, until: null })),
      sources: [{ name: "static", state: "ok", since: clock.started, message: null }],
    };
  }

  private live(response: ServerResponse): void {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store", ...HEADERS });
    response.write("retry: 2000\n\n");
    this.listeners.add(response);
    response.on("close", () => this.listeners.delete(response));
    this.tell("hello", this.hello(), [response]);
  }

  private tell(event: string, data: unknown, to: Iterable<ServerResponse> = this.listeners): void {
    const { silentAfter = Infinity } = this.options;
    if (this.traffic.clock.now() > this.traffic.clock.started + silentAfter) return;
    for (const response of to) response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  private send(request: IncomingMessage, response: ServerResponse, status: number, answer: unknown): void {
    const csv = typeof answer === "string";
    const body = csv ? answer : JSON.stringify(answer);
    const zip = String(request.headers["accept-encoding"]).includes("gzip");
    response.writeHead(status, {
      "Content-Type": csv ? "text/csv; charset=utf-8" : "application/json",
      "Cache-Control": "no-store",
      ...(zip ? { "Content-Encoding": "gzip" } : {}),
      ...HEADERS,
    });
    response.end(zip ? gzipSync(body, { level: 1 }) : body);
  }

  private page(request: IncomingMessage, response: ServerResponse): void {
    const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://standin").pathname));
    const file = join(this.options.dist ?? "dist", path === "/" ? "index.html" : path);
    if (!existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404, HEADERS).end();
      return;
    }
    const cache = path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache";
    response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream", "Cache-Control": cache, ...HEADERS });
    createReadStream(file).pipe(response);
  }
}
