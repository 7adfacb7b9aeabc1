/** What one node's store gives without a network: batches of log entries and values, one batch in flight. */
import { createStore } from '../../node/store/identity.ts';
import { openStore } from '../../node/store/open.ts';
import { type Entry, makeEntry } from '../../protocol/entry.ts';
import type { Batch } from '../../protocol/persist.ts';
import {
  type Assignment,
  chainVersion,
  clientId,
  type Key,
  nodeName,
  noIncarnation,
  requestNumber,
  type Slot,
  seq,
  slot,
} from '../../protocol/words.ts';
import { keyOf } from '../workload/keys.ts';
import { Random } from '../workload/random.ts';
import { Values } from '../workload/values.ts';

export interface StoreLimit {
  readonly durability: 'fsync' | 'os';
  /** Writes in one batch. */
  readonly batch: number;
  readonly writesPerSecond: number;
  readonly msPerBatch: number;
}

export interface StoreLimits {
  readonly writes: readonly StoreLimit[];
  /** Synchronous reads of single keys in the cache. */
  readonly readsPerSecond: number;
}

const cluster = 'limits';
const keys = 10_000;
const valueBytes = 100;
const version = chainVersion(1);

/** Each write is an entry of the log and the new value of its key, as the core asks for. */
export async function measureStore(
  folder: string,
  batches: readonly number[],
  ms: number,
): Promise<StoreLimits> {
  const writes: StoreLimit[] = [];
  let readsPerSecond = 0;
  for (const durability of ['fsync', 'os'] as const) {
    const data = `${folder}/store-${durability}`;
    await createStore(data, cluster);
    const { store } = await openStore({ folder: data, clusterName: cluster, durability });
    const head = new Writer();
    await store.write({
      id: 0,
      items: [{ kind: 'assignment', slot: head.slot, assignment: head.assignment }],
    });
    for (const size of batches) {
      let done = 0;
      const began = performance.now();
      while (performance.now() < began + ms) {
        await store.write(head.batch(size));
        done++;
      }
      const seconds = (performance.now() - began) / 1000;
      writes.push({
        durability,
        batch: size,
        writesPerSecond: (done * size) / seconds,
        msPerBatch: (seconds * 1000) / done,
      });
    }
    if (durability === 'os') readsPerSecond = readLoop((key) => store.get(head.slot, key), ms);
    await store.close();
  }
  return { writes, readsPerSecond };
}

function readLoop(get: (key: Key) => unknown, ms: number): number {
  const random = new Random(1);
  let reads = 0;
  const began = performance.now();
  while (performance.now() < began + ms)
    for (let i = 0; i < 100; i++, reads++) get(keyOf(random.below(keys)) as Key);
  return reads / ((performance.now() - began) / 1000);
}

/** Plays the head of one slot. */
class Writer {
  readonly slot: Slot = slot(0);
  readonly assignment: Assignment = {
    slot: this.slot,
    version,
    members: [{ node: nodeName('n1'), incarnation: noIncarnation, address: '' }],
    joiner: null,
    drop: false,
  };
  readonly #random = new Random(1);
  readonly #values = new Values(valueBytes, 1);
  #seq = 0;
  #batches = 0;

  batch(size: number): Batch {
    const entries = Array.from({ length: size }, () => this.#entry());
    const at = { version, seq: seq(this.#seq) };
    return {
      id: ++this.#batches,
      items: [
        { kind: 'append', slot: this.slot, entries },
        { kind: 'apply', slot: this.slot, entries },
        {
          kind: 'marks',
          slot: this.slot,
          commit: at,
          passed: at,
          promised: at,
          complete: true,
          dedupe: null,
        },
      ],
    };
  }

  #entry(): Entry {
    const number = ++this.#seq;
    const now = Date.now();
    return makeEntry({
      kind: 'put',
      slot: this.slot,
      version,
      versionBefore: chainVersion(number === 1 ? 0 : 1),
      seq: seq(number),
      stamp: now,
      client: clientId(1),
      number: requestNumber(number),
      floor: requestNumber(number),
      objectVersion: 1,
      created: now,
      replaced: { version: chainVersion(0), seq: seq(0) },
      refusal: null,
      key: keyOf(this.#random.below(keys)) as Key,
      value: this.#values.at(number),
    });
  }
}
