// The table's rows, page by page as they come into view.
import { ApiError, ask } from "../api/client";
import type { EdgeRow, EdgesQuery } from "../api/types";

const PAGE = 200;
/** Pages kept around what is seen. */
const KEPT = 6;

export class Pages {
  total = $state<number | null>(null);
  error = $state.raw<ApiError | null>(null);
  rows = $state.raw(new Map<number, EdgeRow[]>());
  private question = "";
  private seen = { first: 0, last: 0 };
  private running = new Map<number, AbortController>();

  constructor(
    private readonly query: () => EdgesQuery,
    moment: () => unknown,
  ) {
    $effect(() => {
      const question = JSON.stringify(query());
      moment();
      if (question !== this.question) {
        this.question = question;
        this.stop();
      }
      this.load(true);
    });
    $effect(() => () => {
      this.stop();
    });
  }

  row(index: number): EdgeRow | undefined {
    return this.rows.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** These rows are in view. */
  show(first: number, last: number): void {
    this.seen = { first: Math.floor(first / PAGE), last: Math.floor(Math.max(first, last) / PAGE) };
    this.load(false);
  }

  private load(again: boolean): void {
    for (let page = this.seen.first; page <= this.seen.last; page += 1) {
      if ((again || !this.rows.has(page)) && !this.running.has(page)) void this.fetch(page);
    }
  }

  private async fetch(page: number): Promise<void> {
    const running = new AbortController();
    this.running.set(page, running);
    try {
      const answer = await ask("edges", { ...this.query(), offset: page * PAGE, limit: PAGE }, running.signal);
      const near = [...this.rows].filter(([key]) => key >= this.seen.first - KEPT && key <= this.seen.last + KEPT);
      this.rows = new Map([...near, [page, answer.rows]]);
      this.total = answer.total;
      this.error = null;
    } catch (fault) {
      if (!running.signal.aborted && fault instanceof ApiError) this.error = fault;
    } finally {
      if (this.running.get(page) === running) this.running.delete(page);
    }
  }

  private stop(): void {
    this.running.forEach((running) => { running.abort(); });
    this.running.clear();
  }
}
