/** Records calls in the form of the checker's history (sim/checker/history.ts), one JSON object a line. */

/** What a call was and what came of it, as the checker reads it. */
export interface Called {
  readonly op: object;
  readonly result: { readonly kind: 'ok' | 'refused' | 'unknown' | 'failed' };
}

/**
 * Milliseconds of the machine's monotonic clock. All pods of a test cluster run on one kernel, so that histories of
 * several pods may be put together.
 */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export class History {
  readonly #lines: string[] = [];
  /** Ids of several load pods must not meet. */
  #lastClient = Math.floor(Math.random() * 2 ** 40) * 1000;

  /** A logical client. After an unknown outcome a new one must go on. */
  newClient(): number {
    this.#lastClient++;
    return this.#lastClient;
  }

  add(client: number, key: string, call: number, called: Called): void {
    // JSON has no infinity: a missing `ret` means that the call may take effect at any later time.
    const ret = called.result.kind === 'unknown' ? undefined : nowMs();
    this.#lines.push(JSON.stringify({ client, key, call, ret, ...called }));
  }

  text(): string {
    return this.#lines.join('\n');
  }
}
