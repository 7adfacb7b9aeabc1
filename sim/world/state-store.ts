/**
 * The coordinators' durable state: two objects with compare-and-swap. A call takes time each way; it may be answered,
 * lost before it took effect, lost after, or take effect long after its caller gave up (R31). Strangers may delete an
 * object, bring back an old one, or write what they like (R43).
 */
import type { CoordinatorEffects, StoredObject, StoreOutcome } from '../../protocol/coordinator/contract.ts';
import type { Random } from '../random.ts';
import type { Schedule } from './schedule.ts';

export type StoreCall = CoordinatorEffects['stores'][number];

export interface StateStore {
  call(from: string, call: StoreCall, answer: (outcome: StoreOutcome) => void): void;
  /** Nobody, or only the named coordinator, gets through; undone by `open`. */
  close(from?: string): void;
  open(): void;
  /** Probability that a call's outcome is unknown. */
  setUnknown(probability: number): void;
  /** A write is on its way: what is saved may change although nobody writes any more. */
  readonly pending: boolean;
  /** The text that is there now. */
  peek(object: StoredObject): string | null;
  /** The last state that a coordinator saved, whatever became of the object since. */
  readonly decided: string | null;
  /** The last states that coordinators saved, oldest first. */
  readonly saved: readonly string[];
  /** A stranger's hand: the object holds this from now on; null = it is deleted. */
  tamper(object: StoredObject, value: string | null): void;
}

const patienceMs = 800;
/** Old states that a stranger may find in a backup. */
const keptStates = 24;

/** `saved` is told of each state that a coordinator saves once a stranger's hand was there. */
export function createStateStore(
  schedule: Schedule,
  random: Random,
  effect: (what: string) => void,
  saved: (by: string, before: string | null, after: string) => void,
): StateStore {
  const objects = new Map<StoredObject, { value: string; tag: number }>();
  const closedTo = new Set<string>();
  let closed = false;
  let unknown = 0;
  let tag = 0;
  let pending = 0;
  const history: string[] = [];
  let isTampered = false;

  function later(
    from: string,
    call: StoreCall,
    ms: number,
    then: (outcome: StoreOutcome) => void = () => {},
  ): void {
    if (call.op === 'write') pending++;
    schedule.after(ms, () => {
      if (call.op === 'write') pending--;
      then(apply(from, call));
    });
  }

  function apply(from: string, call: StoreCall): StoreOutcome {
    const now = objects.get(call.object);
    if (call.op === 'read')
      return { kind: 'read', value: now?.value ?? null, tag: now === undefined ? null : `${now.tag}` };
    if ((now === undefined ? null : `${now.tag}`) !== call.expect) {
      effect('conflict');
      return { kind: 'conflict' };
    }
    tag++;
    objects.set(call.object, { value: call.value, tag });
    if (call.object === 'state') {
      history.push(call.value);
      if (history.length > keptStates) history.shift();
      if (isTampered) saved(from, now?.value ?? null, call.value);
    }
    return { kind: 'written', tag: `${tag}` };
  }

  return {
    call(from, call, answer) {
      const isClosed = closed || closedTo.has(from);
      if (!isClosed && !random.chance(unknown)) {
        later(from, call, random.between(0.5, 8), (outcome) =>
          schedule.after(random.between(0.5, 8), () => answer(outcome)),
        );
        return;
      }
      effect(isClosed ? 'outage' : 'unknown');
      // Lost on the way there, or only the answer is lost, or it takes effect after the caller gave up.
      const fate = isClosed ? random.int(4) : 1 + random.int(3);
      if (fate === 2) later(from, call, random.between(0.5, 8));
      if (fate === 3) later(from, call, random.between(patienceMs, 3 * patienceMs));
      schedule.after(patienceMs, () =>
        answer({ kind: 'unknown', why: 'the state store did not answer in time' }),
      );
    },
    close(from) {
      if (from === undefined) closed = true;
      else closedTo.add(from);
    },
    open() {
      closed = false;
      closedTo.clear();
    },
    setUnknown(probability) {
      unknown = probability;
    },
    get pending() {
      return pending > 0;
    },
    peek: (object) => objects.get(object)?.value ?? null,
    get decided() {
      return history.at(-1) ?? null;
    },
    saved: history,
    tamper(object, value) {
      tag++;
      if (object === 'state') isTampered = true;
      if (value === null) objects.delete(object);
      else objects.set(object, { value, tag });
    },
  };
}
