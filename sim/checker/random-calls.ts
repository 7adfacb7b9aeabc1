import type { Condition, Position, Write } from './history.ts';

/** Tests only: what clients ask for, and when. What they are told is in random-history.ts. */
export interface Plan {
  readonly seed: number;
  readonly clients: number;
  readonly operations: number;
  readonly keys: number;
  /** Values from a small set, numbers among them, instead of unique ones. */
  readonly fewValues?: boolean;
  readonly unknownRate?: number;
  readonly failedRate?: number;
  readonly weakRate?: number;
  readonly conditionRate?: number;
  readonly addRate?: number;
  /** Longest time a call is open. Times are whole numbers, so ties happen. */
  readonly openMax?: number;
  readonly fault?: Fault;
}

export type Fault =
  | 'stale read'
  | 'resurrected'
  | 'lost write'
  | 'reordered'
  | 'double add'
  | 'wrong refusal'
  | 'wrong success'
  | 'failed write applied'
  | 'dirty read';

/** One call before it meets the store. */
export interface Intent {
  readonly client: number;
  readonly key: string;
  readonly call: number;
  readonly ret: number;
  /** When it meets the store; +Infinity when never. */
  readonly effect: number;
  readonly outcome: 'answered' | 'unknown' | 'failed';
}

export type Content = Value | null;

interface Value {
  readonly value: string;
  readonly position: Position;
  readonly objectVersion: number;
  readonly updated: number;
}

/** Small, seeded, even enough. */
export function randomFrom(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Who calls when, in the order in which the calls meet the store. */
export function randomCalls(plan: Plan, random: () => number): Intent[] {
  const { clients, operations, keys, unknownRate = 0, failedRate = 0, openMax = 10 } = plan;
  const free = Array.from({ length: clients }, (_, client) => ({ client, time: below(random, 5) }));
  let nextClient = clients;
  const intents: Intent[] = [];
  for (let n = 0; n < operations; n++) {
    const who = free[below(random, clients)]!;
    const call = who.time + below(random, 3);
    const ret = call + below(random, openMax + 1);
    const dice = random();
    const outcome = dice < unknownRate ? 'unknown' : dice < unknownRate + failedRate ? 'failed' : 'answered';
    const late = random() < 0.5 ? Number.POSITIVE_INFINITY : call + random() * openMax * 4;
    const effect = outcome === 'unknown' ? late : call + random() * (ret - call);
    const key = `k${below(random, keys)}`;
    intents.push({
      client: who.client,
      key,
      call,
      ret: outcome === 'unknown' ? Number.POSITIVE_INFINITY : ret,
      effect,
      outcome,
    });
    who.time = ret + below(random, 3);
    if (outcome === 'unknown') who.client = nextClient++;
  }
  return intents.sort((a, b) => (a.effect === b.effect ? 0 : a.effect - b.effect));
}

interface Chance {
  readonly random: () => number;
  /** A number never given before. */
  readonly unique: () => number;
}

/** What a call asks for, given what it will find. */
export function randomWrite(
  plan: Plan,
  content: Content,
  fault: Fault | undefined,
  { random, unique }: Chance,
): Write {
  const { addRate = 0, conditionRate = 0, fewValues = false } = plan;
  const counter = content === null || /^-?\d+$/.test(content.value);
  const asked = fault === 'double add' || random() < addRate;
  if (counter && asked) return { kind: 'add', delta: 1 + below(random, 3) };
  const conditional = fault === 'wrong refusal' || fault === 'wrong success' || random() < conditionRate;
  const condition = conditional ? { condition: randomConditions(content, random) } : {};
  if (random() < 0.25) return { kind: 'delete', ...condition };
  const value = fewValues ? ['a', 'b', '1', '2'][below(random, 4)]! : `v${unique()}`;
  return { kind: 'put', value, ...condition };
}

function randomConditions(content: Content, random: () => number): Condition[] {
  const near = {
    exists: content ? 1 : 0,
    version: content?.objectVersion ?? 0,
    revision: content?.position.seq ?? 0,
    updated: content?.updated ?? 0,
  };
  return Array.from({ length: 1 + below(random, 2) }, () => {
    const field = (['exists', 'version', 'revision', 'updated'] as const)[below(random, 4)]!;
    const op = (['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const)[below(random, 6)]!;
    const spread = field === 'exists' ? below(random, 2) : near[field] + below(random, 3) - 1;
    return { field, op, value: random() < 0.6 ? near[field] : Math.max(0, spread) };
  });
}

/** Does a condition hold on this state? */
export function test({ field, op, value }: Condition, content: Content): boolean {
  const fields = content
    ? { exists: 1, version: content.objectVersion, revision: content.position.seq, updated: content.updated }
    : { exists: 0, version: 0, revision: 0, updated: 0 };
  const sign = Math.sign(fields[field] - value);
  return { eq: sign === 0, ne: sign !== 0, lt: sign < 0, le: sign <= 0, gt: sign > 0, ge: sign >= 0 }[op];
}

function below(random: () => number, limit: number): number {
  return Math.floor(random() * limit);
}
