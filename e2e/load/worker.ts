/** One client of the load: one call at a time, at its own beat, until it is stopped. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CallOptions,
  ChainError,
  type Client,
  ConditionFailed,
  type Position,
} from '../../client/index.ts';
import type { Figures } from './figures.ts';
import { type Called, type History, nowMs } from './history.ts';

export interface Work {
  readonly client: Client;
  readonly keys: readonly string[];
  readonly history: History;
  readonly figures: Figures;
  readonly options: CallOptions;
}

export async function runWorker(
  work: Work,
  beat: { everyMs: number; offset: number },
  stop: AbortSignal,
): Promise<void> {
  let id = work.history.newClient();
  let next = nowMs() + beat.offset * beat.everyMs;
  for (let n = 0; !stop.aborted; n++) {
    const wait = next - nowMs();
    if (wait > 0) await sleep(wait);
    // Late calls are not made up for: the rate is that of the calls that are due.
    next = Math.max(next + beat.everyMs, nowMs());
    const key = work.keys[Math.floor(Math.random() * work.keys.length)] as string;
    const known = await once(work, id, key, chosen(work, key, `${id}/${n}`));
    if (!known) id = work.history.newClient();
  }
}

/** Reads every key once, one after the other. */
export async function readAll(work: Work): Promise<void> {
  const id = work.history.newClient();
  for (const key of work.keys) await once(work, id, key, get(work, key));
}

interface Attempt {
  readonly kind: 'read' | 'write';
  readonly op: object;
  /** What was answered, for the history. */
  readonly run: () => Promise<Called['result']>;
}

/** False when nobody knows whether the call took effect. */
async function once({ history, figures }: Work, id: number, key: string, attempt: Attempt): Promise<boolean> {
  const section = figures.current;
  const call = nowMs();
  try {
    const result = await attempt.run();
    history.add(id, key, call, { op: attempt.op, result });
    figures.succeeded(section, attempt.kind, nowMs() - call);
    return true;
  } catch (error) {
    if (error instanceof ConditionFailed) {
      history.add(id, key, call, { op: attempt.op, result: { kind: 'refused' } });
      figures.succeeded(section, attempt.kind, nowMs() - call);
      return true;
    }
    const known = attempt.kind === 'read' || (error instanceof ChainError && error.outcome === 'definite');
    const outcome = known ? 'failed' : 'unknown';
    history.add(id, key, call, { op: attempt.op, result: { kind: outcome } });
    const code = error instanceof ChainError ? error.code : 'INTERNAL';
    figures.missed(section, outcome, code, (error as Error).message);
    return known;
  }
}

/** Half reads; puts, some on condition; a few deletes. Every fourth key is a counter, which is only added to. */
function chosen(work: Work, key: string, value: string): Attempt {
  const dice = Math.random();
  if (dice < 0.5) return get(work, key);
  if (work.keys.indexOf(key) % 4 === 0) return add(work, key);
  if (dice < 0.85) return put(work, key, value);
  if (dice < 0.93) return putIfAbsent(work, key, value);
  return remove(work, key);
}

function get({ client, options }: Work, key: string): Attempt {
  return {
    kind: 'read',
    op: { kind: 'get', level: 'strong' },
    async run() {
      const answer = await client.get(key, options);
      if (!answer.found) return done({ found: false });
      const { position, version, updated } = answer;
      return done({
        found: true,
        value: answer.text(),
        position: at(position),
        objectVersion: version,
        updated,
      });
    },
  };
}

function put({ client, options }: Work, key: string, value: string): Attempt {
  return {
    kind: 'write',
    op: { kind: 'put', value },
    async run() {
      return written(await client.put(key, value, options));
    },
  };
}

function putIfAbsent({ client, options }: Work, key: string, value: string): Attempt {
  return {
    kind: 'write',
    op: { kind: 'put', value, condition: [{ field: 'exists', op: 'eq', value: 0 }] },
    async run() {
      return written(await client.put(key, value, { ...options, ifAbsent: true }));
    },
  };
}

function add({ client, options }: Work, key: string): Attempt {
  const delta = 1 + Math.floor(Math.random() * 9);
  return {
    kind: 'write',
    op: { kind: 'add', delta },
    async run() {
      const answer = await client.add(key, delta, options);
      return { ...written(answer), ...done({ value: Number(answer.value) }) };
    },
  };
}

function remove({ client, options }: Work, key: string): Attempt {
  return {
    kind: 'write',
    op: { kind: 'delete' },
    async run() {
      const { found, position } = await client.delete(key, options);
      return done({ existed: found, position: at(position), ...(!found && { previous: null }) });
    },
  };
}

function written(answer: { position: Position; version: number; created: boolean }) {
  const { position, version, created } = answer;
  return done({ position: at(position), objectVersion: version, ...(created && { previous: null }) });
}

const done = <T extends object>(answer: T) => ({ kind: 'ok' as const, ...answer });

const at = ({ version, seq }: Position) => ({ version, seq });
