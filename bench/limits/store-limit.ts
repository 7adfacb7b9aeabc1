/** What one node's store gives without a network: batches of log entries and values, one batch in flight. */
import { createStore } from '../../node/store/identity.ts';
import { openStore } from '../../node/store/open.ts';
import type { Store } from '../../node/store/store.ts';
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
import { writtenBytesOf } from '../measure/processes.ts';
import { keyOf } from '../workload/keys.ts';
import { Random } from '../workload/random.ts';
import { Values } from '../workload/values.ts';

export interface StoreLimit {
  readonly durability: 'fsync' | 'os';
  readonly valueBytes: number;
  /** Writes in one batch. */
  readonly batch: number;
  readonly writesPerSecond: number;
  readonly msPerBatch: number;
  /** CPU of the process, LevelDB's threads included. */
  readonly cpuUsPerWrite: number;
  /** Bytes given to the disk for each byte of a value: LevelDB's log, its levels, and what it merges again. */
  readonly writtenPerByte: number;
}

export interface StoreLimits {
  readonly writes: readonly StoreLimit[];
  /** Synchronous reads of single keys in the cache. */
  readonly readsPerSecond: number;
}

const cluster = 'limits';
const smallBytes = 100;
/** Sizes of large values, with the number of keys and of writes in a batch. */
const large = [
  { valueBytes: 16_384, keys: 4096, batch: 8 },
  { valueBytes: 1_048_576, keys: 64, batch: 2 },
];
const smallKeys = 10_000;
const trimEvery = 64;
const version = chainVersion(1);

/** Each write is an entry of the log and the new value of its key, as the core asks for. */
export async function measureStore(
  folder: string,
  batches: readonly number[],
  ms: number,
): Promise<StoreLimits> {
  const writes: StoreLimit[] = [];
  let readsPerSecond = 0;
  for (const durability of ['fsync', 'os'] as const)
    await withStore(folder, durability, async (store) => {
      const head = new Writer(smallBytes, smallKeys);
      await head.begin(store);
      for (const batch of batches) writes.push(await writeLoop(store, head, durability, batch, ms));
      if (durability === 'os') readsPerSecond = readLoop((key) => store.get(head.slot, key), ms);
    });
  for (const { valueBytes, keys, batch } of large)
    await withStore(folder, 'fsync', async (store) => {
      const head = new Writer(valueBytes, keys);
      await head.begin(store);
      // LevelDB merges most when every key is there already.
      for (let i = 0; i < keys; i += batch) await store.write(head.batch(batch, store));
      writes.push(await writeLoop(store, head, 'fsync', batch, 2 * ms));
    });
  return { writes, readsPerSecond };
}

let stores = 0;

async function withStore(
  folder: string,
  durability: 'fsync' | 'os',
  use: (store: Store) => Promise<void>,
): Promise<void> {
  const data = `${folder}/store-${++stores}`;
  await createStore(data, cluster);
  const { store } = await openStore({ folder: data, clusterName: cluster, durability });
  try {
    await use(store);
  } finally {
    await store.close();
  }
}

async function writeLoop(
  store: Store,
  head: Writer,
  durability: 'fsync' | 'os',
  batch: number,
  ms: number,
): Promise<StoreLimit> {
  let done = 0;
  const began = performance.now();
  const cpu = process.cpuUsage();
  const written = writtenBytesOf(process.pid);
  while (performance.now() < began + ms) {
    await store.write(head.batch(batch, store));
    done++;
  }
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const writes = done * batch;
  return {
    durability,
    valueBytes: head.valueBytes,
    batch,
    writesPerSecond: writes / seconds,
    msPerBatch: (seconds * 1000) / done,
    cpuUsPerWrite: (user + system) / writes,
    writtenPerByte: (writtenBytesOf(process.pid) - written) / writes / head.valueBytes,
  };
}

function readLoop(get: (key: Key) => unknown, ms: number): number {
  const random = new Random(1);
  let reads = 0;
  const began = performance.now();
  while (performance.now() < began + ms)
    for (let i = 0; i < 100; i++, reads++) get(keyOf(random.below(smallKeys)) as Key);
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
  readonly valueBytes: number;
  readonly #keys: number;
  readonly #random = new Random(1);
  readonly #values: Values;
  #seq = 0;
  #batches = 0;

  constructor(valueBytes: number, keys: number) {
    this.valueBytes = valueBytes;
    this.#keys = keys;
    this.#values = new Values(valueBytes, 1);
  }

  begin(store: Store): Promise<void> {
    return store.write({
      id: 0,
      items: [{ kind: 'assignment', slot: this.slot, assignment: this.assignment }],
    });
  }

  /** Trims the log as a node does, behind what its store wants to keep. */
  batch(size: number, store: Store): Batch {
    const trims = this.#batches % trimEvery === 0 ? store.oldestLog() : [];
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
        },
        ...trims.map((top) => ({
          kind: 'trim' as const,
          slot: this.slot,
          start: { version, seq: top.seq },
        })),
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
      key: keyOf(this.#random.below(this.#keys)) as Key,
      value: this.#values.at(number),
    });
  }
}
