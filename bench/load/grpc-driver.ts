/** Drives this store through its gRPC services: what programs in other languages get. */
import type { Operation } from '../../protocol/client/session.ts';
import { ChainError } from '../../protocol/errors.ts';
import type { NodeName } from '../../protocol/words.ts';
import { type KeyValueMethods, keyValueService } from '../../transport/grpc-api.ts';
import { type Channel, openChannel } from '../../transport/grpc-channel.ts';
import type { Done, Driver } from './driver.ts';

const deadlineMs = 5000;

export class GrpcDriver implements Driver {
  readonly #channels: readonly Channel<KeyValueMethods>[];
  #turn = 0;

  /** Requests go to the endpoints in turn. */
  constructor(endpoints: readonly string[]) {
    this.#channels = endpoints.map((endpoint) => openChannel(endpoint, keyValueService));
  }

  start(operation: Operation, done: Done, _pinned: NodeName | null): void {
    this.#call(operation, done).catch((error: unknown) => {
      if (!(error instanceof ChainError)) throw error;
      done(error.code, 0, -1);
    });
  }

  /** Callers of gRPC know no chains. */
  tailOf(): null {
    return null;
  }

  close(): void {
    for (const channel of this.#channels) channel.close();
  }

  async #call(operation: Operation, done: Done): Promise<void> {
    const { call } = this.#channels[this.#turn++ % this.#channels.length] as Channel<KeyValueMethods>;
    const { key } = operation;
    if (operation.op === 'get') {
      const { object } = await call.get({ key, level: 'strong', boundMs: 0, token: null }, { deadlineMs });
      done(null, object?.revision ?? 0, object?.value.length ?? -1);
    } else if (operation.op === 'put') {
      const { value, conditions } = operation;
      const { position } = await call.put({ key, value, conditions, id: null }, { deadlineMs });
      done(null, position.seq, -1);
    } else throw new Error(`no load uses ${operation.op}`);
  }
}
