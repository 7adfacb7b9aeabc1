/**
 * A desk for stories of coordinators: real cores over one state store whose calls wait until the script answers them.
 * The nodes are words of the script: it says which heartbeat reaches whom.
 */

import type { CoordinatorEffects, Desired, StoreOutcome } from '../../protocol/coordinator/contract.ts';
import { CoordinatorCore } from '../../protocol/coordinator/coordinator.ts';
import { inspect } from '../../protocol/coordinator/inspect.ts';
import type { ClusterState, SavedChain, SavedMember } from '../../protocol/coordinator/state.ts';
import { readState, writeState } from '../../protocol/coordinator/stored.ts';
import type {
  FromCoordinator,
  Heartbeat,
  Held,
  Holdings,
  Register,
  ReplicaReport,
  SpaceLevel,
} from '../../protocol/messages.ts';
import { defaultTimings } from '../../protocol/timings.ts';
import {
  type Assignment,
  chainVersion,
  type Epoch,
  epoch,
  type Incarnation,
  incarnation,
  nodeName,
  noIncarnation,
  origin,
  type Position,
  reign,
  revision,
  slot,
  storeId,
} from '../../protocol/words.ts';

type StoreCall = CoordinatorEffects['stores'][number];

interface Post {
  readonly core: CoordinatorCore;
  calls: StoreCall[];
  /** Its calls wait for `answer`. */
  held: boolean;
  sent: { link: string; message: FromCoordinator }[];
  answers: { tag: number; ok: boolean; message: string }[];
}

export interface Says {
  readonly version?: number;
  readonly state?: ReplicaReport['state'];
  readonly insync?: Incarnation;
  /** The end of its log. */
  readonly end?: Position;
  /** A version that it refused. */
  readonly refused?: number;
  /** The set that it holds, when that is not the newest of the coordinator that it speaks to. */
  readonly holds?: Partial<Held>;
  readonly unreachable?: readonly string[];
  readonly leaving?: boolean;
  readonly space?: SpaceLevel;
  /** Its number, when it is not the next one: an older one comes late. */
  readonly number?: number;
  /** The cluster that it names, when it is another. */
  readonly of?: string;
  /** The incarnation that speaks, when it is not the one of `who`. */
  readonly as?: Incarnation;
}

/** Who led before any story begins. */
export const firstReign = reign(1);

export const who = (name: string): Incarnation => incarnation(epoch(1), name.charCodeAt(0));

const place = (name: string) => ({
  address: `${name}:1`,
  grpc: '',
  admin: '',
  zone: '',
  host: '',
  weight: 1,
});

export class Desk {
  mono = 10_000;
  /** What the wall clock of all of them is ahead of `mono`. */
  sleptMs = 0;
  readonly #posts = new Map<string, Post>();
  readonly #objects = new Map<string, { value: string; tag: number }>();
  #tag = 0;
  #beat = 0;

  constructor(state: ClusterState | null) {
    if (state !== null) this.#objects.set('state', { value: writeState(state), tag: 0 });
  }

  add(name: string, desired: Partial<Desired> = {}): void {
    const wish: Desired = {
      slots: 1,
      replicationFactor: 3,
      nodes: 3,
      drain: [],
      timings: defaultTimings,
      begun: false,
      osRestart: 'wait',
      concurrentMoves: 1,
      ...desired,
    };
    const core = new CoordinatorCore(
      {
        name,
        process: this.#posts.size * 1000 + 1000,
        address: `${name}:1`,
        objects: { lease: 'the lease', state: 'the state' },
        newClusterId: 'new',
        desired: wish,
      },
      this.#now,
    );
    this.#posts.set(name, { core, calls: [], held: false, sent: [], answers: [] });
  }

  core = (name: string): CoordinatorCore => this.#post(name).core;

  /** What the store holds now. */
  get saved(): ClusterState {
    const text = this.#objects.get('state')?.value;
    if (text === undefined) return null as unknown as ClusterState;
    const found = readState(text);
    if (!found.ok) throw new Error(`what is saved ${found.why}`);
    return found.value;
  }

  get chain(): SavedChain {
    return this.saved.chains[0] as SavedChain;
  }

  leading = (name: string): boolean => this.core(name).view(this.#now).leading;

  /* Time. */

  /** Lets `ms` pass; each 100 ms the named coordinators tick and `beats` says who is heard. */
  advance(ms: number, names: readonly string[], beats: () => void = () => undefined): void {
    for (const end = this.mono + ms; this.mono < end; ) {
      this.mono += 100;
      for (const n of names) this.#handle(n, { kind: 'tick' });
      beats();
    }
  }

  lead(name: string): void {
    for (let i = 0; i < 100 && inspect(this.core(name)).leading.at !== 'leader'; i++)
      this.advance(100, [name]);
  }

  /* The state store. */

  hold(name: string): void {
    this.#post(name).held = true;
  }

  release(name: string): void {
    this.#post(name).held = false;
    while (this.waiting(name) > 0) this.answer(name);
  }

  /** What lies in an object of the store, as text. */
  text = (object: 'lease' | 'state'): string | undefined => this.#objects.get(object)?.value;

  /** A stranger writes, or removes, an object. */
  put(object: 'lease' | 'state', value: string | undefined): void {
    this.#tag++;
    if (value === undefined) this.#objects.delete(object);
    else this.#objects.set(object, { value, tag: this.#tag });
  }

  waiting = (name: string): number => this.#post(name).calls.length;

  /**
   * The store answers the oldest call. `lost`: it was carried out, and the answer is lost; `never`: it did not arrive.
   */
  answer(name: string, how: 'told' | 'lost' | 'never' = 'told'): void {
    const call = this.#post(name).calls.shift();
    if (call === undefined) throw new Error(`${name} asks the store nothing`);
    const real = how === 'never' ? null : this.#carryOut(call);
    const outcome: StoreOutcome =
      how === 'told' && real !== null ? real : { kind: 'unknown', why: 'the connection broke' };
    this.#handle(name, { kind: 'stored', id: call.id, outcome });
  }

  #carryOut(call: StoreCall): StoreOutcome {
    const found = this.#objects.get(call.object);
    if (call.op === 'read')
      return { kind: 'read', value: found?.value ?? null, tag: found === undefined ? null : `${found.tag}` };
    if ((found === undefined ? null : `${found.tag}`) !== call.expect) return { kind: 'conflict' };
    this.#tag++;
    this.#objects.set(call.object, { value: call.value, tag: this.#tag });
    return { kind: 'written', tag: `${this.#tag}` };
  }

  /* Nodes. */

  /** A number for a heartbeat that is not sent yet. */
  nextBeat(): number {
    this.#beat++;
    return this.#beat;
  }

  /** A heartbeat of `node` reaches the coordinator, which it holds for the leader that it is. */
  beat(name: string, node: string, says: Says = {}): void {
    const s = inspect(this.core(name));
    const report: ReplicaReport = {
      slot: slot(0),
      version: chainVersion(says.version ?? 1),
      state: says.state ?? 'serving',
      insync: says.insync ?? noIncarnation,
      end: says.end ?? origin,
      commit: origin,
      why: '',
      refused: chainVersion(says.refused ?? 0),
    };
    const beat = says.number ?? this.nextBeat();
    const message: Heartbeat = {
      kind: 'heartbeat',
      clusterId: says.of ?? 'desk',
      incarnation: says.as ?? who(node),
      beat,
      epoch: s.saved?.epoch ?? epoch(1),
      reign: s.saved?.reigns.at(-1)?.id ?? firstReign,
      revision: revision(0),
      ...says.holds,
      reports: [report],
      report: beat,
      unreachable: (says.unreachable ?? []).map((n) => ({ node: nodeName(n), forMs: 5000 })),
      leaving: says.leaving ?? false,
      failed: '',
      space: says.space ?? 'ok',
      wall: 0,
    };
    this.#handle(name, { kind: 'node', link: node, message });
  }

  register(name: string, node: string, more: Partial<Register> = {}): void {
    const message: Register = {
      kind: 'register',
      clusterId: 'desk',
      node: nodeName(node),
      store: storeId(`store-${node}`),
      place: place(node),
      process: node.charCodeAt(0),
      epoch: epoch(1),
      reign: firstReign,
      revision: revision(0),
      previous: who(node),
      lockProof: false,
      reports: [],
      ...more,
    };
    this.#handle(name, { kind: 'node', link: node, message });
  }

  /** What a node tells an orphan that it installed last. */
  holdings(name: string, node: string, assignments: readonly Assignment[], more = 0): void {
    const message: Holdings = {
      kind: 'holdings',
      node: nodeName(node),
      store: storeId(`store-${node}`),
      more,
      assignments,
    };
    this.#handle(name, { kind: 'node', link: node, message });
  }

  command(
    name: string,
    command: Parameters<Desk['commandEvent']>[0],
  ): { ok: boolean; message: string } | undefined {
    this.#handle(name, this.commandEvent(command));
    return this.#post(name).answers.at(-1);
  }

  commandEvent = (
    command: Extract<Parameters<CoordinatorCore['handle']>[0], { kind: 'command' }>['command'],
  ) => ({ kind: 'command', tag: 1, command }) as const;

  /** What was sent to a node since the last look, of one kind. */
  takeSent<K extends FromCoordinator['kind']>(
    name: string,
    node: string,
    kind: K,
  ): (FromCoordinator & { kind: K })[] {
    const post = this.#post(name);
    const mine = post.sent.filter((x) => x.link === node).map((x) => x.message);
    post.sent = post.sent.filter((x) => x.link !== node);
    return mine.filter((m): m is FromCoordinator & { kind: K } => m.kind === kind);
  }

  /** The newest version that a node was given as its own business, 0 = none. */
  given(name: string, node: string): number {
    const sets = this.#post(name).sent.filter((x) => x.link === node && x.message.kind === 'set');
    const all = sets.flatMap((x) => (x.message.kind === 'set' ? x.message.assignments : []));
    return Math.max(0, ...all.map((a: Assignment) => a.version));
  }

  get #now(): { mono: number; wall: number } {
    return { mono: this.mono, wall: this.mono + this.sleptMs };
  }

  #post(name: string): Post {
    const post = this.#posts.get(name);
    if (post === undefined) throw new Error(`no coordinator is called ${name}`);
    return post;
  }

  #handle(name: string, event: Parameters<CoordinatorCore['handle']>[0]): void {
    const post = this.#post(name);
    post.core.handle(event, this.#now);
    const e = post.core.drain();
    post.calls.push(...e.stores);
    post.sent.push(...e.sends);
    post.answers.push(...e.replies);
    while (!post.held && post.calls.length > 0) this.answer(name);
  }
}

export const member = (name: string, more: Partial<SavedMember> = {}): SavedMember => ({
  node: nodeName(name),
  store: storeId(`store-${name}`),
  incarnation: who(name),
  address: `${name}:1`,
  since: chainVersion(1),
  whole: true,
  ...more,
});

/** A saved state of epoch 1 with one chain; `nodes` are all nodes, in letters. */
export function stateOf(
  nodes: string,
  chain: Partial<SavedChain>,
  more: Partial<ClusterState> = {},
): ClusterState {
  return {
    format: 2,
    clusterId: 'desk',
    epoch: 1 as Epoch,
    revision: revision(1),
    slots: 1,
    reigns: [{ epoch: 1 as Epoch, id: firstReign, from: revision(1) }],
    leaseMsMax: 1000,
    nodes: [...nodes].map((n) => ({
      node: nodeName(n),
      store: storeId(`store-${n}`),
      incarnation: who(n),
      place: place(n),
      drain: false,
    })),
    chains: [
      {
        slot: slot(0),
        version: chainVersion(1),
        members: [...nodes].map((n) => member(n)),
        joiner: null,
        excluded: [],
        handedOut: true,
        reason: '',
        ...chain,
      },
    ],
    ...more,
  };
}
