/**
 * Pages of the values of a slot, for exports. Each page is read from this node's own store, so it shows what this one member
 * has committed; pages are no snapshot.
 */
import type { List, Listed } from '../protocol/messages.ts';
import type { NodeCoreContract } from '../protocol/node/contract.ts';
import { inspect } from '../protocol/node/inspect.ts';
import { positionAt } from '../protocol/replica/log.ts';
import type { Replica } from '../protocol/replica/state.ts';
import { failure } from '../protocol/replies.ts';
import type { Failure } from '../protocol/requests.ts';
import type { Store } from './store/store.ts';

/** Largest page: a value more may follow it, and both fit a frame by far. */
const pageBytesMax = 1_048_576;
/** Pages that may be read at once: they share the disk with what callers wait for. */
const parallelMax = 4;
/** What is committed reaches the store with the next batch. */
const applyMsMax = 2000;
const lookMs = 5;

export class Lists {
  readonly #core: NodeCoreContract;
  readonly #store: Store;
  #underWay = 0;

  constructor(core: NodeCoreContract, store: Store) {
    this.#core = core;
    this.#store = store;
  }

  /** One page, or why not. Rejects only when the store fails. */
  async page(asked: List): Promise<Listed | Failure> {
    if (this.#underWay >= parallelMax)
      return failure('OVERLOADED', `${parallelMax} lists are read from this node already; ask again later`);
    this.#underWay++;
    try {
      return await this.#page(asked);
    } finally {
      this.#underWay--;
    }
  }

  async #page({ id, slot, after, maxBytes }: List): Promise<Listed | Failure> {
    const replica = inspect(this.#core).replicas.get(slot);
    if (replica === undefined || !isWhole(replica)) return this.#notHere(slot);
    const at = positionAt(replica.log, replica.commit);
    // What was acknowledged before the page was asked for is in it.
    for (let waited = 0; replica.appliedDisk < at.seq; waited += lookMs) {
      if (waited > applyMsMax)
        return failure('NOT_READY', `the store of this node lags behind; ask again later`);
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
    const found = await this.#store.scan(slot, after, Math.min(Math.max(1, maxBytes), pageBytesMax));
    if (found === 'corrupt')
      return failure('CORRUPT', `values of slot ${slot} cannot be read; ask another member`);
    if (found.damaged.length > 0)
      return failure(
        'CORRUPT',
        `a stored value of slot ${slot} does not fit its checksum; ask another member`,
      );
    // Emptied or left meanwhile: what was read may be part of a state that is being copied.
    return isWhole(replica)
      ? { kind: 'listed', id, values: found.values, next: found.next, at }
      : this.#notHere(slot);
  }

  #notHere(slot: List['slot']): Failure {
    const route = this.#core.routes().chains.find((chain) => chain.slot === slot) ?? null;
    return failure('NOT_MEMBER', `this node holds no whole copy of slot ${slot}; ask a member`, { route });
  }
}

const isWhole = (r: Replica): boolean =>
  r.role === 'member' && r.installing === null && r.complete && r.lost === '';
