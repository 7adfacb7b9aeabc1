/** The client: reads and writes of single keys, each retried until its answer is certain or its deadline is there. */
import type { Operation } from '../protocol/client/session.ts';
import { ChainError } from '../protocol/errors.ts';
import type { ReadLevel, WriteReply } from '../protocol/requests.ts';
import { type Assignment, type NodeName, nodeName, type Slot } from '../protocol/words.ts';
import type { Caller } from './caller.ts';
import { type Conditions, conditionsOf } from './conditions.ts';
import { type EntriesOptions, entriesOf, type StoredEntry } from './entries.ts';
import type { CallOptions as CallerCallOptions, ReadAnswer } from './pending.ts';
import {
  type AddResult,
  addResult,
  type DeleteResult,
  deleteResult,
  type PutResult,
  putResult,
  type ReadResult,
  readResult,
} from './results.ts';
import { type Bytes, parseDelta, parseKey, parseValue } from './values.ts';

export interface CallOptions {
  /** Time for the whole call with all its attempts, in ms. @default that of the client */
  readonly timeoutMs?: number | undefined;
  /** Gives the call up. A write that was sent may still take effect: the error says so. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Asks this node and no other, which answers itself or refuses: for tests and for looking at one replica.
   * Not for applications: such a call does not survive the node.
   */
  readonly node?: string | undefined;
}

export interface ReadOptions extends CallOptions {
  /**
   * `strong`: linearizable. `bounded`: at most `boundMs` old. `session`: at least what this client has seen of the
   * key's slot. `eventual`: any committed state.
   * @default 'strong'
   */
  readonly level?: ReadLevel | undefined;
  /** Greatest age for `bounded`, in ms. */
  readonly boundMs?: number | undefined;
}

export interface WriteOptions extends CallOptions, Conditions {}

export class Client {
  readonly #caller: Caller;
  readonly #timeoutMs: number;

  /** Made by `connect`. */
  constructor(caller: Caller, timeoutMs: number) {
    this.#caller = caller;
    this.#timeoutMs = timeoutMs;
  }

  /** Reads a key. @throws ChainError */
  async get(key: Bytes, options: ReadOptions = {}): Promise<ReadResult> {
    const { level = 'strong', boundMs = 0 } = options;
    if (level === 'bounded' ? !(Number.isSafeInteger(boundMs) && boundMs > 0) : boundMs !== 0)
      throw new ChainError('BAD_REQUEST', 'boundMs is a whole number above 0 with level "bounded" only');
    const answer = await this.#call({ op: 'get', key: parseKey(key), level, boundMs }, options);
    return readResult((answer as ReadAnswer).entry, (answer as ReadAnswer).at);
  }

  /**
   * Writes a value. Resolves when it is durable at every member of the key's chain.
   * @throws ConditionFailed, ChainError; with `outcome: 'indefinite'` the write may have taken effect
   */
  async put(key: Bytes, value: Bytes, options: WriteOptions = {}): Promise<PutResult> {
    const conditions = conditionsOf(options);
    const answer = await this.#call(
      { op: 'put', key: parseKey(key), value: parseValue(value), conditions },
      options,
    );
    return putResult(answer as WriteReply);
  }

  /** Deletes a key, which may be absent. Durable and with errors as `put`. */
  async delete(key: Bytes, options: WriteOptions = {}): Promise<DeleteResult> {
    const conditions = conditionsOf(options);
    const answer = await this.#call({ op: 'delete', key: parseKey(key), conditions }, options);
    return deleteResult(answer as WriteReply);
  }

  /**
   * Adds to a counter, a decimal number of 64 bits with sign; an absent one counts as 0. Exactly once, however often it
   * had to be sent. Durable and with errors as `put`.
   * @throws ChainError NOT_A_COUNTER, COUNTER_OVERFLOW
   */
  async add(key: Bytes, delta: number | bigint, options: WriteOptions = {}): Promise<AddResult> {
    const conditions = conditionsOf(options);
    const answer = await this.#call(
      { op: 'add', key: parseKey(key), delta: parseDelta(delta), conditions },
      options,
    );
    return addResult(answer as WriteReply);
  }

  /**
   * Goes through all keys and values, slot by slot and in each in the order of the keys' bytes. Each page shows what one
   * member had committed when it was asked, writes that were acknowledged before included; the whole is no snapshot.
   * @throws ChainError when no member of a slot answers in time; CORRUPT for a key of which no member has a sound record, unless
   * `onDamaged` is given
   */
  entries(options: EntriesOptions = {}): AsyncGenerator<StoredEntry> {
    return entriesOf(this.#caller, { ...options, timeoutMs: options.timeoutMs ?? this.#timeoutMs });
  }

  /** How many slots the cluster has. */
  get slots(): number {
    return this.#caller.slots;
  }

  /** The slot of a key. */
  slotOf(key: Bytes): Slot {
    return this.#caller.slotOf(parseKey(key));
  }

  /** The chain of a slot as this client knows it. */
  route(slot: Slot): Assignment | undefined {
    return this.#caller.route(slot);
  }

  /** Ends calls that are under way with UNAVAILABLE, and closes every connection. */
  close(): void {
    this.#caller.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #call(operation: Operation, options: CallOptions): Promise<ReadAnswer | WriteReply> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    if (!(timeoutMs > 0)) throw new ChainError('DEADLINE_PAST', `a time-out of ${timeoutMs} ms is over`);
    const node: NodeName | null = options.node === undefined ? null : nodeName(options.node);
    const call: CallerCallOptions = {
      timeoutMs: Math.max(1, Math.min(timeoutMs, timeoutMsMax)),
      signal: options.signal,
      node,
    };
    return this.#caller.call(operation, call);
  }
}

/** A day: beyond it a deadline is no deadline. */
const timeoutMsMax = 86_400_000;
