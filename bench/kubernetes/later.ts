/** Work that is due later, or soon and only once. None of it outlives `close`. */
export class Later {
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #soon = new Set<string>();

  after(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }

  /** Of several calls with one key before it is due, the first counts. */
  soon(key: string, work: () => void): void {
    if (this.#soon.has(key)) return;
    this.#soon.add(key);
    this.after(1, () => {
      this.#soon.delete(key);
      work();
    });
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
