/**
 * The request numbers of a session's writes. The chain of a slot remembers results from a session's lowest unanswered
 * number on, its floor, and refuses sessions whose numbers lie too far above it. Floors are kept for each slot by itself,
 * so that an unanswered call holds up nobody elsewhere. When one holds up its own slot, the writes that follow go on
 * under another client id, derived from the session's: the stuck call keeps its window, and nobody waits for it.
 */
import type { ClientId, RequestNumber, Slot } from '../words.ts';
import { clientLimits } from './limits.ts';

/** Unanswered numbers under one client id in one slot, the lowest first. */
export interface Lane {
  readonly client: ClientId;
  readonly open: Set<RequestNumber>;
}

export class Numbers {
  readonly #client: ClientId;
  /** Common to all lanes: a client id and a number together name one write of the whole session. */
  #next = 1;
  readonly #slots = new Map<Slot, { readonly lanes: Lane[]; open: number }>();

  /** `client` is the id under which writes go as long as nothing is stuck. */
  constructor(client: ClientId) {
    this.#client = client;
  }

  /** True when another write of the slot may begin. */
  hasRoom(slot: Slot): boolean {
    const held = this.#slots.get(slot);
    if (held === undefined) return true;
    if (held.open >= clientLimits.openWrites) return false;
    return held.lanes.length < clientLimits.lanes || held.lanes.some((lane) => !this.#isFull(lane));
  }

  /** The next number, open until `close`. Needs room. */
  open(slot: Slot): { readonly number: RequestNumber; readonly lane: Lane } {
    let held = this.#slots.get(slot);
    if (held === undefined) {
      held = { lanes: [], open: 0 };
      this.#slots.set(slot, held);
    }
    let lane = held.lanes.find((each) => !this.#isFull(each));
    if (lane === undefined) {
      lane = { client: laneClient(this.#client, held.lanes.length), open: new Set() };
      held.lanes.push(lane);
    }
    const number = this.#next as RequestNumber;
    this.#next++;
    lane.open.add(number);
    held.open++;
    return { number, lane };
  }

  /** The number is answered, or given up. */
  close(slot: Slot, lane: Lane, number: RequestNumber): void {
    const held = this.#slots.get(slot);
    if (held !== undefined && lane.open.delete(number)) held.open--;
  }

  #isFull(lane: Lane): boolean {
    const first = lane.open.keys().next().value;
    return first !== undefined && this.#next - first >= clientLimits.window;
  }
}

/** Everything below it is answered. */
export const floorOf = (lane: Lane, number: RequestNumber): RequestNumber =>
  lane.open.keys().next().value ?? number;

/** An id as random as the session's own (splitmix64): ids of different sessions do not meet. */
function laneClient(client: ClientId, lane: number): ClientId {
  if (lane === 0) return client;
  let z = BigInt.asUintN(64, BigInt(client) + BigInt(lane) * 0x9e3779b97f4a7c15n);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return (Number((z ^ (z >> 31n)) >> 12n) + 1) as ClientId;
}
