// One question to the server, asked again when it changes or when there is something new. The last answer
// stays until the next one is there, so that nothing flickers.
import { ApiError, ask, type Route, type Routes } from "../api/client";

const SLOW_AFTER = 1_000;
const RETRY_FIRST = 1_000;
const RETRY_MOST = 10_000;

export class Query<R extends Route> {
  data = $state.raw<Routes[R]["answer"] | null>(null);
  error = $state.raw<ApiError | null>(null);
  /** The answer to a new question is late. */
  slow = $state(false);
  /** The answer is to the question that stands now. */
  fresh = $state(false);
  private question = "";
  private running: AbortController | null = null;
  private again = false;
  private retry = RETRY_FIRST;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Call while a component is made. `ask` gives the question (null: none now); `moment` changes when the same
   * question may have another answer.
   */
  constructor(
    private readonly route: R,
    query: () => Routes[R]["query"] | null,
    moment: () => unknown,
  ) {
    $effect(() => {
      const next = query();
      moment();
      this.wish(next);
    });
    $effect(() => () => {
      this.stop();
    });
  }

  private wish(query: Routes[R]["query"] | null): void {
    const question = query === null ? "" : JSON.stringify(query);
    if (question === this.question && this.running !== null) {
      // A slow answer is waited for: asking anew at each tick would never end.
      this.again = true;
      return;
    }
    if (question !== this.question) {
      this.question = question;
      this.retry = RETRY_FIRST;
      this.fresh = false;
      this.stop();
    }
    if (query === null) {
      this.data = null;
      this.error = null;
    } else void this.run(query);
  }

  private async run(query: Routes[R]["query"]): Promise<void> {
    const running = new AbortController();
    this.running = running;
    clearTimeout(this.timer);
    const late = setTimeout(() => {
      this.slow = !this.fresh;
    }, SLOW_AFTER);
    try {
      this.data = await ask(this.route, query, running.signal);
      if (running.signal.aborted) return;
      this.error = null;
      this.fresh = true;
      this.retry = RETRY_FIRST;
    } catch (fault) {
      if (running.signal.aborted) return;
      this.failed(fault, query);
    } finally {
      clearTimeout(late);
      if (this.running === running) {
        this.running = null;
        this.slow = false;
      }
    }
    if (this.again) {
      this.again = false;
      void this.run(query);
    }
  }

  private failed(fault: unknown, query: Routes[R]["query"]): void {
    this.error = fault instanceof ApiError ? fault : new ApiError(String(fault), null, null, 500);
    if (!this.error.passing) return;
    this.timer = setTimeout(() => void this.run(query), this.retry);
    this.retry = Math.min(RETRY_MOST, this.retry * 1.5);
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.again = false;
    this.running?.abort();
    this.running = null;
    this.slow = false;
  }
}
