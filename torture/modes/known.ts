/** Keys of which each has one writer that counts, so that every answer tells which write it shows. */
import { ChainError, type Client } from '../../client/index.ts';

export interface Known {
  acknowledged: number;
  sent: number;
}

export class KnownKeys {
  readonly #keys = new Map<string, Known>();
  readonly #valueBytes: () => number;
  writes = 0;
  reads = 0;

  /** `valueBytes` is asked for each write. */
  constructor(valueBytes: () => number) {
    this.#valueBytes = valueBytes;
  }

  get names(): readonly string[] {
    return [...this.#keys.keys()];
  }

  known(key: string): Known {
    let known = this.#keys.get(key);
    if (known === undefined) {
      known = { acknowledged: 0, sent: 0 };
      this.#keys.set(key, known);
    }
    return known;
  }

  /** One write; a failure leaves it open whether it took effect. */
  async write(client: Client, key: string): Promise<void> {
    const known = this.known(key);
    known.sent++;
    const n = known.sent;
    try {
      await client.put(key, `${n} `.padEnd(this.#valueBytes(), 'x'));
      known.acknowledged = n;
      this.writes++;
    } catch (error) {
      if (!(error instanceof ChainError)) throw error;
    }
  }

  /** Reads at one member by itself. '' = right, or a sentence. @throws ChainError when that member does not answer */
  async readAt(client: Client, key: string, node: string): Promise<{ wrong: string; seen: string }> {
    const { acknowledged } = this.known(key);
    const found = await client.get(key, { node });
    this.reads++;
    const n = found.found ? Number.parseInt(found.text(), 10) : 0;
    const { sent } = this.known(key);
    const seen = `${n} at revision ${found.revision}, version ${found.version}`;
    if (n >= acknowledged && n <= sent) return { wrong: '', seen };
    return {
      wrong: `${key} at ${node} shows write ${n}; ${acknowledged} was acknowledged, ${sent} sent`,
      seen,
    };
  }
}
