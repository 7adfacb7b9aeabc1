/** Pages of a slot's values that were asked for and have not come yet. */
import { ChainError } from '../protocol/errors.ts';
import type { Listed } from '../protocol/messages.ts';
import type { Failure } from '../protocol/requests.ts';
import type { Key, Slot } from '../protocol/words.ts';
import type { NodeLink } from './node-links.ts';
import { errorOf } from './results.ts';

interface Waiting {
  readonly link: NodeLink;
  readonly due: number;
  readonly resolve: (page: Listed) => void;
  readonly reject: (why: ChainError) => void;
}

/** Pages are read from the disk of a node that has other work. */
const patienceMs = 5000;
const pageBytes = 262_144;

export class Pages {
  readonly #waiting = new Map<number, Waiting>();

  get size(): number {
    return this.#waiting.size;
  }

  /** One page of this slot, from this node. `id` is no other message's. @throws ChainError: ask another member */
  ask(link: NodeLink, id: number, page: { slot: Slot; after: Key | null; now: number }): Promise<Listed> {
    return new Promise((resolve, reject) => {
      const { slot, after, now } = page;
      if (link.link.send({ kind: 'list', id, slot, after, maxBytes: pageBytes }) === 'dropped')
        reject(lost(link));
      else this.#waiting.set(id, { link, due: now + patienceMs, resolve, reject });
    });
  }

  onListed(page: Listed): void {
    this.#waiting.get(page.id)?.resolve(page);
    this.#waiting.delete(page.id);
  }

  onFailed(id: number, failed: Failure): void {
    this.#waiting.get(id)?.reject(errorOf(failed));
    this.#waiting.delete(id);
  }

  /** Gives up what was asked of this link. */
  onDown(link: NodeLink): void {
    this.#rejectWhere((each) => each.link === link);
  }

  tick(now: number): void {
    this.#rejectWhere(({ due }) => now >= due);
  }

  close(): void {
    this.#rejectWhere(() => true);
  }

  #rejectWhere(matches: (each: Waiting) => boolean): void {
    for (const [id, each] of this.#waiting) {
      if (!matches(each)) continue;
      this.#waiting.delete(id);
      each.reject(lost(each.link));
    }
  }
}

const lost = ({ name, address }: NodeLink): ChainError =>
  new ChainError('UNAVAILABLE', `${name || 'the node'} at ${address} did not answer`);
