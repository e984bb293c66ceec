// The server's events: whether it is there, how far its data goes, and whether it was replaced.
import type { Hello, Tick } from "../api/types";

export type Status = "connecting" | "open" | "silent" | "gone";

const SILENT_AFTER = 12_000;
const REST_AFTER = 30_000;
const RETRY_FIRST = 1_000;
const RETRY_MOST = 10_000;
const RELOADED = "svcflow.reloaded";

class Connection {
  status = $state<Status>("connecting");
  /** Since when the status is what it is. */
  since = $state(Date.now());
  hello = $state.raw<Hello | null>(null);
  /** End of the last accounted interval. */
  latest = $state<number | null>(null);
  /** Counts up whenever there may be something new to ask for. */
  moment = $state(0);
  /** Said once: "The server was restarted." */
  news = $state<string | null>(null);
  /** Another page is built into the server: this one will be loaded again at that time. */
  reloadAt = $state<number | null>(null);
  /** The server's clock less ours, in milliseconds. */
  private skew = 0;
  private source: EventSource | null = null;
  private retry = RETRY_FIRST;
  private resting: ReturnType<typeof setTimeout> | undefined;
  private quiet: ReturnType<typeof setTimeout> | undefined;

  start(): void {
    const version = sessionStorage.getItem(RELOADED);
    if (version !== null) this.news = `The server is now version ${version}; the page was loaded again.`;
    sessionStorage.removeItem(RELOADED);
    addEventListener("online", () => {
      if (this.status === "gone") this.connect();
    });
    document.addEventListener("visibilitychange", () => {
      this.rest(document.hidden);
    });
    this.connect();
  }

  /** The server's time. */
  now(): number {
    return Date.now() + this.skew;
  }

  /** A tab that nobody sees gives its connection back: browsers allow only six to one server. */
  private rest(hidden: boolean): void {
    clearTimeout(this.resting);
    if (hidden) {
      this.resting = setTimeout(() => {
        clearTimeout(this.quiet);
        this.source?.close();
        this.source = null;
      }, REST_AFTER);
    } else if (this.source === null) this.connect();
  }

  private connect(): void {
    this.source?.close();
    const source = new EventSource("api/v1/live");
    this.source = source;
    source.addEventListener("hello", (event) => {
      this.greeted(JSON.parse(String(event.data)) as Hello);
    });
    source.addEventListener("tick", (event) => {
      const tick = JSON.parse(String(event.data)) as Tick;
      this.heard(tick.now);
      this.latest = tick.latest;
      this.moment += 1;
    });
    source.addEventListener("ping", (event) => {
      this.heard((JSON.parse(String(event.data)) as { now: number }).now);
    });
    source.addEventListener("error", () => {
      this.become("gone");
      source.close();
      clearTimeout(this.quiet);
      // A server that comes back is not met by everybody at once.
      setTimeout(() => {
        if (this.source === source) this.connect();
      }, this.retry * (0.75 + Math.random() / 2));
      this.retry = Math.min(RETRY_MOST, this.retry * 1.5);
    });
  }

  private greeted(hello: Hello): void {
    const before = this.hello;
    this.heard(hello.now);
    this.retry = RETRY_FIRST;
    this.hello = hello;
    this.latest = hello.latest;
    this.moment += 1;
    if (before === null) return;
    if (before.page !== hello.page) this.replaced(hello.version);
    else if (before.started !== hello.started) this.news = "The server was restarted.";
  }

  /** State is in the address, so nothing is lost by loading again. */
  private replaced(version: string): void {
    if (this.reloadAt !== null) return;
    this.reloadAt = Date.now() + 5_000;
    sessionStorage.setItem(RELOADED, version);
    setTimeout(() => {
      location.reload();
    }, 5_000);
  }

  private heard(now: number): void {
    this.skew = now - Date.now();
    this.become("open");
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => {
      this.become("silent");
    }, SILENT_AFTER);
  }

  private become(status: Status): void {
    if (this.status === status) return;
    // "gone" after "silent" is the same trouble.
    if (!(this.status === "silent" && status === "gone")) this.since = Date.now();
    this.status = status;
  }
}

export const connection = new Connection();
