/** Drives this store through the client library: what programs get, with its promises and results. */
import { ChainError, type Client, ConditionFailed, connect } from '../../client/index.ts';
import type { Operation } from '../../protocol/client/session.ts';
import type { Key, NodeName } from '../../protocol/words.ts';
import type { Done, Driver } from './driver.ts';

export class LibraryDriver implements Driver {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  static async connect(endpoints: readonly string[], connectMs: number): Promise<LibraryDriver> {
    return new LibraryDriver(await connect({ endpoints, connectMs, timeoutMs: 5000 }));
  }

  start(operation: Operation, done: Done, pinned: NodeName | null): void {
    this.#call(operation, done, pinned ?? undefined).catch((error: unknown) => {
      if (!(error instanceof ChainError)) throw error;
      done(error.code, error instanceof ConditionFailed ? error.seen.revision : 0, -1);
    });
  }

  tailOf(key: Key): NodeName | null {
    return this.#client.route(this.#client.slotOf(key))?.members.at(-1)?.node ?? null;
  }

  close(): void {
    this.#client.close();
  }

  async #call(operation: Operation, done: Done, node: string | undefined): Promise<void> {
    if (operation.op === 'get') {
      const read = await this.#client.get(operation.key, { node });
      done(null, read.revision, read.found ? read.value.length : -1);
    } else if (operation.op === 'put') {
      const written = await this.#client.put(operation.key, operation.value, {
        node,
        if: operation.conditions,
      });
      done(null, written.revision, -1);
    } else throw new Error(`no load uses ${operation.op}`);
  }
}
