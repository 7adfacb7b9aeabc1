/** Faults of one process come one after the other; faults of different processes, and of the network, overlap. */

export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `work` when all before it that share a name have ended. */
  take<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = Promise.all(names.map((name) => this.#last.get(name)));
    const result = before.then(work);
    const ended = result.then(
      () => {},
      () => {},
    );
    for (const name of names) this.#last.set(name, ended);
    return result;
  }

  async all(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}
