/** Readiness with hysteresis: ready at once, not ready only after several looks in a row. */

const looksUntilNotReady = 3;

export class Readiness {
  #noes = looksUntilNotReady;

  /** `reason` '' = ready now. Returns '' as long as the node counts as ready. */
  look(reason: string): string {
    this.#noes = reason === '' ? 0 : this.#noes + 1;
    return this.#noes < looksUntilNotReady ? '' : reason;
  }
}
