/**
 * The two objects of a state store as text: the state and the lease. What is read is believed only when it is whole, of
 * this format and unchanged since a coordinator wrote it; anything else gets a sentence, and is never written over
 * without an operator's word.
 *
 * The state is compact, because one object of a state store must hold 4,096 chains of 9 members: each store that occurs
 * is named once, chains refer to it by its number in that table.
 */
import { limits } from '../limits.ts';
import type { ChainVersion, Epoch, Incarnation, NodeName, Reign, Revision, Slot, StoreId } from '../words.ts';
import type { ClusterState, SavedChain, SavedJoiner, SavedMember, SavedNode, SavedReign } from './state.ts';

export const stateFormat = 2;
export const leaseFormat = 2;

/** `why` is a sentence without a subject: "is of format 3, …". */
export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

export interface LeaseRecord {
  readonly format: typeof leaseFormat;
  readonly holder: string;
  /** Random number of the holder's process: a coordinator knows its own record by it. */
  readonly process: number;
  readonly address: string;
  readonly durationMs: number;
  /** Rises with every renewal, so that the object changes. */
  readonly renewal: number;
  readonly released: boolean;
}

type StoreRow = readonly [node: NodeName, store: StoreId, address: string];
type MemberRow = readonly [store: number, incarnation: Incarnation, since: ChainVersion, whole: 0 | 1];
type JoinerRow = readonly [store: number, incarnation: Incarnation];
type ExcludedRow = readonly [node: NodeName, incarnation: Incarnation];
type ChainRow = readonly [
  version: ChainVersion,
  members: readonly MemberRow[],
  joiner: JoinerRow | 0,
  excluded: readonly ExcludedRow[],
  handedOut: 0 | 1,
  reason: string,
];

interface StoredState {
  readonly format: typeof stateFormat;
  readonly clusterId: string;
  readonly epoch: Epoch;
  readonly revision: Revision;
  readonly slots: number;
  readonly leaseMsMax: number;
  readonly reigns: readonly (readonly [Epoch, Reign, Revision])[];
  readonly nodes: readonly SavedNode[];
  readonly stores: readonly StoreRow[];
  readonly chains: readonly ChainRow[];
}

export function writeState(state: ClusterState): string {
  const rows: StoreRow[] = [];
  const numbers = new Map<string, number>();
  const numberOf = ({ node, store, address }: SavedJoiner): number => {
    const key = `${node}\n${store}\n${address}`;
    let number = numbers.get(key);
    if (number === undefined) {
      number = rows.push([node, store, address]) - 1;
      numbers.set(key, number);
    }
    return number;
  };
  const chains = state.chains.map(
    (c): ChainRow => [
      c.version,
      c.members.map((m) => [numberOf(m), m.incarnation, m.since, m.whole ? 1 : 0]),
      c.joiner === null ? 0 : [numberOf(c.joiner), c.joiner.incarnation],
      c.excluded.map((x) => [x.node, x.incarnation]),
      c.handedOut ? 1 : 0,
      c.reason,
    ],
  );
  const { clusterId, epoch, revision, slots, leaseMsMax, nodes } = state;
  const stored: StoredState = {
    format: stateFormat,
    clusterId,
    epoch,
    revision,
    slots,
    leaseMsMax,
    reigns: state.reigns.map((r) => [r.epoch, r.id, r.from]),
    nodes,
    stores: rows,
    chains,
  };
  return seal(JSON.stringify(stored));
}

/** The lease is small and short-lived: whoever edits it changes who leads, nothing else, so it has no checksum. */
export const writeLease = (record: Omit<LeaseRecord, 'format'>): string =>
  JSON.stringify({ format: leaseFormat, ...record } satisfies LeaseRecord);

export function readLease(text: string): Read<LeaseRecord> {
  return reading(text, leaseFormat, (v) => ({
    format: leaseFormat,
    holder: string(v.holder, 'holder'),
    process: whole(v.process, 'process'),
    address: string(v.address, 'address'),
    durationMs: whole(v.durationMs, 'durationMs'),
    renewal: whole(v.renewal, 'renewal'),
    released: boolean(v.released, 'released'),
  }));
}

export function readState(text: string): Read<ClusterState> {
  return reading(text, stateFormat, (v) => {
    const { body, check } = unseal(text);
    if (check === null) throw new Misfit('carries no checksum: no coordinator wrote it as it is');
    if (checksum(body) !== check)
      throw new Misfit('was changed or damaged since a coordinator wrote it: its checksum does not hold');
    return stateOf(v);
  });
}

function stateOf(v: Record<string, unknown>): ClusterState {
  const slots = whole(v.slots, 'slots');
  if (slots < 1 || slots > limits.slots)
    throw new Misfit(`has ${slots} slots; 1 to ${limits.slots} are possible`);
  const rows = list(v.stores, 'stores').map((row): SavedJoiner => {
    const [node, store, address] = list(row, 'stores');
    return {
      node: string(node, 'stores') as NodeName,
      store: string(store, 'stores') as StoreId,
      incarnation: 0 as Incarnation,
      address: string(address, 'stores'),
    };
  });
  const storeOf = (number: unknown): SavedJoiner => {
    const row = rows[whole(number, 'chains')];
    if (row === undefined) throw new Misfit('has a chain with a store that it does not name');
    return row;
  };
  const chains = list(v.chains, 'chains').map((row, slot) => chainOf(row, slot as Slot, storeOf));
  if (chains.length !== slots) throw new Misfit(`has ${chains.length} chains for ${slots} slots`);
  return {
    format: stateFormat,
    clusterId: string(v.clusterId, 'clusterId'),
    epoch: whole(v.epoch, 'epoch') as Epoch,
    revision: whole(v.revision, 'revision') as Revision,
    slots,
    leaseMsMax: whole(v.leaseMsMax, 'leaseMsMax'),
    reigns: list(v.reigns, 'reigns').map((row): SavedReign => {
      const [epoch, id, from] = list(row, 'reigns');
      return {
        epoch: whole(epoch, 'reigns') as Epoch,
        id: whole(id, 'reigns') as Reign,
        from: whole(from, 'reigns') as Revision,
      };
    }),
    nodes: list(v.nodes, 'nodes').map(nodeOf),
    chains,
  };
}

function chainOf(row: unknown, slot: Slot, storeOf: (number: unknown) => SavedJoiner): SavedChain {
  const [version, members, joiner, excluded, handedOut, reason] = list(row, 'chains');
  return {
    slot,
    version: whole(version, 'chains') as ChainVersion,
    members: list(members, 'chains').map((m): SavedMember => {
      const [store, incarnation, since, isWhole] = list(m, 'chains');
      return {
        ...storeOf(store),
        incarnation: whole(incarnation, 'chains') as Incarnation,
        since: whole(since, 'chains') as ChainVersion,
        whole: whole(isWhole, 'chains') === 1,
      };
    }),
    joiner: joiner === 0 ? null : joinerOf(joiner, storeOf),
    excluded: list(excluded, 'chains').map((x) => {
      const [node, incarnation] = list(x, 'chains');
      return {
        node: string(node, 'chains') as NodeName,
        incarnation: whole(incarnation, 'chains') as Incarnation,
      };
    }),
    handedOut: whole(handedOut, 'chains') === 1,
    reason: string(reason, 'chains'),
  };
}

function joinerOf(row: unknown, storeOf: (number: unknown) => SavedJoiner): SavedJoiner {
  const [store, incarnation] = list(row, 'chains');
  return { ...storeOf(store), incarnation: whole(incarnation, 'chains') as Incarnation };
}

function nodeOf(value: unknown): SavedNode {
  const v = object(value, 'nodes');
  const place = object(v.place, 'nodes');
  return {
    node: string(v.node, 'nodes') as NodeName,
    store: string(v.store, 'nodes') as StoreId,
    incarnation: whole(v.incarnation, 'nodes') as Incarnation,
    place: {
      address: string(place.address, 'nodes'),
      grpc: string(place.grpc, 'nodes'),
      admin: string(place.admin, 'nodes'),
      zone: string(place.zone, 'nodes'),
      host: string(place.host, 'nodes'),
      weight: number(place.weight, 'nodes'),
    },
    drain: boolean(v.drain, 'nodes'),
  };
}

/* What a value must be. */

/** What was read does not fit; its message is the rest of a sentence. */
class Misfit extends Error {}

function reading<T>(text: string, format: number, take: (value: Record<string, unknown>) => T): Read<T> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { ok: false, why: `is no JSON (it begins with ${JSON.stringify(text.slice(0, 24))})` };
  }
  try {
    const value = object(parsed, 'it');
    if (value.format !== format) throw new Misfit(otherFormat(value.format, format));
    return { ok: true, value: take(value) };
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    return { ok: false, why: error.message };
  }
}

function otherFormat(found: unknown, own: number): string {
  if (typeof found !== 'number') return `is nothing that a coordinator wrote: it has no format number`;
  const release = found > own ? 'a newer release wrote it; run that release' : 'an older release wrote it';
  return `is of format ${found}, this program reads format ${own}: ${release}`;
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return misfit(what, 'an object');
  return value as Record<string, unknown>;
}

const list = (value: unknown, what: string): readonly unknown[] =>
  Array.isArray(value) ? value : misfit(what, 'a list');

const string = (value: unknown, what: string): string =>
  typeof value === 'string' ? value : misfit(what, 'a text');

const boolean = (value: unknown, what: string): boolean =>
  typeof value === 'boolean' ? value : misfit(what, 'true or false');

const number = (value: unknown, what: string): number =>
  typeof value === 'number' ? value : misfit(what, 'a number');

const whole = (value: unknown, what: string): number =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : misfit(what, 'a whole number');

function misfit(what: string, wanted: string): never {
  throw new Misfit(`is damaged: a value in "${what}" is not ${wanted}`);
}

/* The seal: the last field is the checksum of everything before it. */

const seal = (body: string): string => `${body.slice(0, -1)},"check":${checksum(body)}}`;

function unseal(text: string): { body: string; check: number | null } {
  const found = /,"check":(\d+)\}\s*$/.exec(text.slice(-32));
  if (found === null) return { body: text, check: null };
  return { body: `${text.slice(0, text.length - found[0].length)}}`, check: Number(found[1]) };
}

/** FNV-1a over UTF-16 units: finds an edit, not an enemy. */
function checksum(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
