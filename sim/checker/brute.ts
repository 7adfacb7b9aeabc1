import type { Condition, HistoryRecord, Position } from './history.ts';

/**
 * Tests only: the verdict on the strong operations of one key by trying every order that real time allows. Written
 * on its own, from the meaning of the operations, so that it shares no fault with what it judges.
 */
export function bruteForce(records: readonly HistoryRecord[], byPositions: boolean): boolean {
  const live = records.filter(({ op, result }) => {
    if (result.kind === 'failed') return false;
    return op.kind === 'get' ? op.level === 'strong' && result.kind === 'ok' : true;
  });
  const conditions = live.flatMap(({ op }) => ('condition' in op ? (op.condition ?? []) : []));
  const countsVersions = byPositions || conditions.some(({ field }) => field === 'version');
  return explore(
    live,
    { value: undefined, count: 0, log: [], slot: -1 },
    { live, byPositions, countsVersions },
  );
}

interface World {
  readonly value: string | undefined;
  readonly count: number;
  /** One item for each write so far: its position, when somebody told it. */
  readonly log: readonly (Position | undefined)[];
  /** Which write of the log left the value; -1 when the key is absent. */
  readonly slot: number;
}

interface Rules {
  readonly live: readonly HistoryRecord[];
  readonly byPositions: boolean;
  readonly countsVersions: boolean;
}

function explore(open: readonly HistoryRecord[], world: World, rules: Rules): boolean {
  const due = open.filter(({ result }) => result.kind !== 'unknown');
  if (due.length === 0) return true;
  const firstReturn = Math.min(...due.map(({ ret }) => ret));
  return open.some((record) => {
    if (record.call > firstReturn) return false;
    const after = perform(record, world, rules);
    if (after === undefined) return false;
    return explore(
      open.filter((other) => other !== record),
      after,
      rules,
    );
  });
}

function perform(record: HistoryRecord, world: World, rules: Rules): World | undefined {
  const { op, result } = record;
  if (op.kind === 'get') {
    if (result.kind !== 'ok' || !('found' in result)) return undefined;
    return result.found ? observe(world, result, rules) : absent(world);
  }
  const conditions = op.kind === 'add' ? [] : (op.condition ?? []);
  if (result.kind === 'refused') {
    const seen = result.seen;
    let met: World | undefined = world;
    if (seen !== undefined)
      met =
        seen.position === null ? absent(world) : observe(world, { ...seen, position: seen.position }, rules);
    return met && truth(conditions, met, rules) !== true ? met : undefined;
  }
  const answer = result.kind === 'ok' && !('found' in result) ? result : undefined;
  if (answer && answer.position === undefined) {
    return absent(world) && truth(conditions, world, rules) !== false ? world : undefined;
  }
  let met: World | undefined = world;
  if (answer?.previous === null || answer?.existed === false) met = absent(met);
  if (met && answer?.previous) met = observe(met, { position: answer.previous }, rules);
  if (met && answer?.existed === true && met.slot < 0) met = undefined;
  if (met === undefined || truth(conditions, met, rules) === false) return undefined;
  const log = [...met.log, answer?.position];
  if (rules.byPositions && !possibleLog(log)) return undefined;
  if (op.kind === 'delete') return { value: undefined, count: 0, log, slot: -1 };
  const count = met.count + 1;
  if (rules.countsVersions && answer?.objectVersion !== undefined && answer.objectVersion !== count)
    return undefined;
  if (op.kind === 'put') return { value: op.value, count, log, slot: log.length - 1 };
  const start = met.value === undefined ? '0' : met.value;
  if (!/^-?\d+$/.test(start)) return undefined;
  const sum = Number(start) + op.delta;
  if (answer?.value !== undefined && answer.value !== sum) return undefined;
  return { value: `${sum}`, count, log, slot: log.length - 1 };
}

function absent(world: World): World | undefined {
  return world.slot < 0 ? world : undefined;
}

interface Seen {
  readonly value?: string;
  readonly position?: Position;
  readonly objectVersion?: number;
  readonly updated?: number;
}

function observe(world: World, seen: Seen, { byPositions, countsVersions, live }: Rules): World | undefined {
  if (world.slot < 0) return undefined;
  if (seen.value !== undefined && seen.value !== world.value) return undefined;
  if (countsVersions && seen.objectVersion !== undefined && seen.objectVersion !== world.count)
    return undefined;
  if (!byPositions) return world;
  let log = world.log;
  if (seen.position) {
    const known = log[world.slot];
    if (known && (known.seq !== seen.position.seq || known.version !== seen.position.version))
      return undefined;
    if (!known) log = log.map((position, slot) => (slot === world.slot ? seen.position : position));
    if (!possibleLog(log)) return undefined;
  }
  const stamp = stampAt(log[world.slot], live);
  if (seen.updated !== undefined && stamp !== undefined && stamp !== seen.updated) return undefined;
  return { ...world, log };
}

/** Can the untold positions be filled in so that sequences grow and versions do not fall? */
function possibleLog(log: readonly (Position | undefined)[]): boolean {
  let [version, seq] = [0, -1];
  for (const position of log) {
    if (position === undefined) seq += 1;
    else if (position.version < version || position.seq <= seq) return false;
    else [version, seq] = [position.version, position.seq];
  }
  return true;
}

function truth(conditions: readonly Condition[], world: World, { live }: Rules): boolean | undefined {
  const verdicts = conditions.map(({ field, op, value }) => {
    const position = world.log[world.slot];
    const fields = {
      exists: 1,
      version: world.count,
      revision: position?.seq,
      updated: stampAt(position, live),
    };
    const actual = world.slot < 0 ? 0 : fields[field];
    if (actual === undefined) return undefined;
    const sign = Math.sign(actual - value);
    return { eq: sign === 0, ne: sign !== 0, lt: sign < 0, le: sign <= 0, gt: sign > 0, ge: sign >= 0 }[op];
  });
  if (verdicts.includes(false)) return false;
  return verdicts.includes(undefined) ? undefined : true;
}

function stampAt(position: Position | undefined, live: readonly HistoryRecord[]): number | undefined {
  if (position === undefined) return undefined;
  for (const { op, result } of live) {
    let seen: Seen | undefined;
    if (op.kind === 'get' && result.kind === 'ok' && 'found' in result && result.found) seen = result;
    if (result.kind === 'refused' && result.seen?.position)
      seen = { ...result.seen, position: result.seen.position };
    const same = seen?.position?.seq === position.seq && seen.position.version === position.version;
    if (same && seen?.updated !== undefined) return seen.updated;
  }
  return undefined;
}
