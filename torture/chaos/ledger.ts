/**
 * What one writer a key did and what may be read of it. Values are the numbers of the writes, so an answer tells which write
 * it shows; every fifth write deletes.
 */
export interface Line {
  acknowledged: number;
  sent: number;
}

export class Ledger {
  readonly #lines = new Map<string, Line>();

  get keys(): readonly string[] {
    return [...this.#lines.keys()];
  }

  line(key: string): Line {
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = { acknowledged: 0, sent: 0 };
      this.#lines.set(key, line);
    }
    return line;
  }

  /** Why `value` cannot be what is there, when `acknowledged` were done before the read began; '' = it can. */
  wrong(key: string, value: string | null, acknowledged: number): string {
    const { sent } = this.line(key);
    const range = `write ${acknowledged} was acknowledged and ${sent} sent`;
    if (value === null) {
      for (let n = acknowledged; n <= sent; n++) if (isDelete(n)) return '';
      return `${key} is absent, but ${range}`;
    }
    const n = Number.parseInt(value, 10);
    return n >= acknowledged && n <= sent && !isDelete(n) ? '' : `${key} shows write ${value}, but ${range}`;
  }
}

/** Nothing was written before the first one, which is as if it had been deleted. */
export const isDelete = (n: number): boolean => n % 5 === 0;
