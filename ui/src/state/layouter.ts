// The worker that lays out; only the newest task's answer counts.
import type { Places } from "../lib/layout";
import type { Arranged, Task } from "./layout.worker";

export class Layouter {
  private number = 0;
  private worker: Worker | null = null;
  private then: ((places: Places) => void) | null = null;

  ask(task: Omit<Task, "number">, then: (places: Places) => void): void {
    this.number += 1;
    this.then = then;
    this.worker ??= this.start();
    this.worker.postMessage({ ...task, number: this.number } satisfies Task);
  }

  stop(): void {
    this.worker?.terminate();
    this.worker = null;
  }

  private start(): Worker {
    const worker = new Worker(new URL("./layout.worker.ts", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data }: MessageEvent<Arranged>) => {
      if (data.number === this.number) this.then?.(data.places);
    });
    return worker;
  }
}
