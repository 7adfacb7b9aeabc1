/**
 * Makes a real store as unkind as its contract allows: calls begin late and answer late, pages are as short as they may be,
 * and the log is wanted back as soon as it can go. It knows no method by name but the few that it treats in a special way,
 * so a method that comes later is late as well.
 */
import type { Store } from '../../node/store/store.ts';
import type { LogTop } from '../../protocol/persist.ts';
import type { Seq, Slot } from '../../protocol/words.ts';
import type { Random } from '../../sim/random.ts';

export interface Chaos {
  readonly random: Random;
  readonly slots: number;
  /** Mean of what a read of the store takes longer, and a write; 0 = as fast as it is. */
  readonly readMs: number;
  readonly writeMs: number;
  /** Share of pages that are cut short. */
  readonly shortPages: number;
}

/** What was done to calls, so that a run can prove that it was unkind. */
export interface Unkind {
  late: number;
  short: number;
}

const longestMs = 400;

export function chaosStore(store: Store, chaos: Chaos, unkind: Unkind): Store {
  const { random } = chaos;
  const sleep = async (meanMs: number): Promise<void> => {
    const ms = Math.min(longestMs, random.wait(meanMs));
    if (meanMs === 0 || ms < 1) return;
    unkind.late++;
    await new Promise((resolve) => setTimeout(resolve, ms));
  };
  const late = async (name: string, call: () => unknown): Promise<unknown> => {
    const meanMs = name === 'write' ? chaos.writeMs : chaos.readMs;
    // Before: what it shows is young and its caller older. After: what it shows is old by the time that it is told.
    if (random.chance(0.3)) await sleep(meanMs);
    const result = await call();
    await sleep(meanMs);
    return result;
  };
  const shorter = (name: string, args: unknown[]): unknown[] => {
    if ((name !== 'scan' && name !== 'readLog') || !random.chance(chaos.shortPages)) return args;
    unkind.short++;
    return [args[0], args[1], Math.min(args[2] as number, 1 + random.int(4096)), ...args.slice(3)];
  };
  let wanted = 0;
  const oldestLog = (): LogTop[] =>
    Array.from({ length: chaos.slots }, (_, slot) => {
      wanted++;
      return { slot: slot as Slot, seq: (Number.MAX_SAFE_INTEGER - 1_000_000 + wanted) as Seq };
    });
  return new Proxy(store, {
    get(target, name: string) {
      if (name === 'oldestLog') return oldestLog;
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      const call = (args: unknown[]): unknown => Reflect.apply(member, target, args);
      if (!asynchronous.has(name)) return (...args: unknown[]) => call(args);
      return (...args: unknown[]) => late(name, () => call(shorter(name, args)));
    },
  });
}

/** Methods whose answer may come late. A close is no read. */
const asynchronous: ReadonlySet<string> = new Set<keyof Store>(['write', 'getAsync', 'scan', 'readLog']);
