/** What clients ask for: a mix of operations over few or many keys, some of them hot, in bursts and in idle times. */

import type { ReadLevel } from '../protocol/requests.ts';
import { type Key, key } from '../protocol/words.ts';
import type { Condition as HistoryCondition, Position, Write } from './checker/history.ts';
import type { Random } from './random.ts';

export interface WorkloadOptions {
  /** Number of keys; a few of them get most operations. */
  readonly keys: number;
  /** Share of reads. */
  readonly reads: number;
  /** Share of reads that are not strong. */
  readonly weakReads: number;
  /** Share of writes that carry a condition. */
  readonly conditions: number;
  readonly deletes: number;
  readonly adds: number;
  /** Longest value, bytes; values are told apart by how they begin. */
  readonly valueBytes: number;
  /** Levels of the reads that are not strong, each as likely as the next; none = all, half of them session reads. */
  readonly levels?: readonly ReadLevel[];
  /** Bounds of bounded reads. */
  readonly boundsMs?: readonly number[];
}

export type Operation =
  | { readonly kind: 'get'; readonly key: Key; readonly level: ReadLevel; readonly boundMs: number }
  | { readonly kind: 'write'; readonly key: Key; readonly write: Write };

/** What a client last saw of a key: what its conditions speak of. */
export interface Sight {
  readonly position: Position | null;
  readonly objectVersion: number;
  readonly updated: number;
}

/** The next operation of one client. `unique` names it: no two values are equal. */
export function nextOperation(
  random: Random,
  options: WorkloadOptions,
  unique: string,
  sightOf: (k: Key) => Sight | undefined,
): Operation {
  const counter = random.chance(options.adds);
  const k = pickKey(random, options.keys, counter);
  if (random.chance(options.reads)) return { kind: 'get', key: k, ...pickLevel(random, options) };
  if (counter && !random.chance(options.deletes))
    return { kind: 'write', key: k, write: { kind: 'add', delta: random.int(9) - 4 } };
  const condition = random.chance(options.conditions) ? pickConditions(random, sightOf(k)) : undefined;
  const conditions = condition === undefined ? {} : { condition };
  if (counter || random.chance(options.deletes))
    return { kind: 'write', key: k, write: { kind: 'delete', ...conditions } };
  const value = unique + '.'.repeat(random.chance(0.1) ? random.int(options.valueBytes) : 0);
  return { kind: 'write', key: k, write: { kind: 'put', value, ...conditions } };
}

/** Half of all operations go to an eighth of the keys. Counters and other values have keys of their own. */
function pickKey(random: Random, keys: number, counter: boolean): Key {
  const span = random.chance(0.5) ? Math.max(1, keys >> 3) : keys;
  return key(`${counter ? 'n' : 'k'}${random.int(span)}`);
}

function pickLevel(random: Random, options: WorkloadOptions): { level: ReadLevel; boundMs: number } {
  if (!random.chance(options.weakReads)) return { level: 'strong', boundMs: 0 };
  const level = random.pick<ReadLevel>(options.levels ?? ['bounded', 'session', 'session', 'eventual']);
  return { level, boundMs: level === 'bounded' ? random.pick(options.boundsMs ?? [1, 20, 200, 2000]) : 0 };
}

function pickConditions(random: Random, sight: Sight | undefined): HistoryCondition[] {
  const exists: HistoryCondition = { field: 'exists', op: random.pick(['eq', 'ne']), value: random.int(2) };
  if (sight === undefined || random.chance(0.3)) return [exists];
  const op = random.pick(['eq', 'eq', 'eq', 'ne', 'le', 'ge', 'lt', 'gt'] as const);
  const seq = sight.position?.seq ?? 0;
  const second: HistoryCondition = random.pick([
    { field: 'version', op, value: sight.objectVersion },
    { field: 'revision', op, value: seq },
    { field: 'updated', op, value: sight.updated },
  ] as const);
  return random.chance(0.2) ? [exists, second] : [second];
}
