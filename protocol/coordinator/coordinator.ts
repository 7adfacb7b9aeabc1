/** The core of a coordinator: elects itself, hears nodes, decides, saves, publishes. See contract.ts. */
import { Placement } from '../planner/placement.ts';
import { type PlannerNode, plan, targetsOf } from '../planner/planner.ts';
import type { Routes } from '../requests.ts';
import { pagesOfRoutes } from '../routes.ts';
import { sleptMs } from '../timings.ts';
import {
  type ChainVersion,
  type Epoch,
  incarnation,
  type NodeName,
  type Revision,
  type Slot,
} from '../words.ts';
import { cutBrokenLink } from './broken-links.ts';
import { applyChange, serves, stable, tendChain } from './chains.ts';
import type {
  CoordinatorCommand,
  CoordinatorConfig,
  CoordinatorCoreContract,
  CoordinatorEffects,
  CoordinatorEvent,
  CoordinatorView,
  CreateCoordinatorCore,
  Now,
} from './contract.ts';
import { apartFrom, damped } from './damping.ts';
import { hearing, lookAtState, onLooked } from './doubt.ts';
import {
  leads,
  loseLease,
  nextReign,
  onFenced,
  onLease,
  onStateRead,
  resign,
  tickElection,
} from './election.ts';
import { orphan } from './history.ts';
import { openForInspection } from './inspect.ts';
import { forgiveStall, livedOf, statusOf, watchNodes } from './liveness.ts';
import {
  announceRegistered,
  dropLater,
  newlyHeard,
  onGoodbye,
  onHeartbeat,
  onHoldings,
  onRegister,
  publishTo,
  refuse,
} from './nodes.ts';
import { type CommandResult, drainNode, overrideChain, recover } from './recover.ts';
import { onReread, onSaved, retrySave, saveWork } from './saving.ts';
import {
  assignmentOf,
  type ClusterState,
  type CoordinatorState,
  emptyEffects,
  type SavedChain,
} from './state.ts';
import { viewOf } from './view.ts';

/** A dead node's slots are rebuilt elsewhere after this; until then it may come back and take a delta. */
const repairDelayMs = 10_000;
/** The first placement begins without the nodes that are still missing after this. */
const firstPatienceMs = 15_000;

export class CoordinatorCore implements CoordinatorCoreContract {
  readonly #state: CoordinatorState;

  constructor(config: CoordinatorConfig, now: Now) {
    this.#state = createState(config, now);
    openForInspection(this, this.#state);
  }

  handle(event: CoordinatorEvent, now: Now): void {
    this.#passTime(now);
    const s = this.#state;
    switch (event.kind) {
      case 'tick':
        return this.#tick();
      case 'node':
        return this.#contain(() => this.#onNode(event.link, event.message));
      case 'linkDown':
        return;
      case 'stored':
        return this.#onStored(event.id, event.outcome);
      case 'desired':
        s.desired = event.desired;
        return;
      case 'command':
        return this.#onCommand(event.tag, event.command);
      case 'resign':
        return resign(s);
    }
  }

  /** What a message that cannot be handled had decided is given up: its connection suffers, nobody else. */
  #contain(handle: () => void): void {
    const { work, saving } = this.#state;
    try {
      handle();
    } catch (error) {
      if (this.#state.saving === saving) this.#state.work = work;
      throw error;
    }
  }

  drain(): CoordinatorEffects {
    const effects = this.#state.effects;
    this.#state.effects = emptyEffects();
    return effects;
  }

  get clusterId(): string {
    return this.#state.saved?.clusterId ?? '';
  }

  routes(): Routes {
    const { saved } = this.#state;
    return {
      clusterId: this.clusterId,
      epoch: saved?.epoch ?? (0 as Epoch),
      revision: saved?.revision ?? 0,
      slots: saved?.slots ?? 0,
      chains: (saved?.chains ?? []).map(assignmentOf),
      times: [],
    };
  }

  view(now: Now): CoordinatorView {
    this.#passTime(now);
    return viewOf(this.#state);
  }

  /** A leader whose machine slept may have a successor: it grants nothing that queued up meanwhile is asking for (P44). */
  #passTime(now: Now): void {
    const s = this.#state;
    const { coordinatorLeaseMs, clockRate } = s.desired.timings;
    if (sleptMs(s.now, now, coordinatorLeaseMs, clockRate) !== 0) loseLease(s);
    s.now = now;
  }

  #tick(): void {
    const s = this.#state;
    tickElection(s);
    lookAtState(s);
    if (!leads(s)) {
      s.tickAt = s.now.mono;
      return;
    }
    forgiveStall(s);
    retrySave(s);
    if (s.work === null) beginCluster(s);
    decide(s);
    for (const [node, h] of s.heard) publishTo(s, node, h);
  }

  #onNode(
    link: string,
    m: Parameters<typeof onRegister>[2] | Exclude<CoordinatorEvent & { kind: 'node' }, never>['message'],
  ): void {
    const s = this.#state;
    switch (m.kind) {
      case 'register':
        onRegister(s, link, m);
        announceRegistered(s);
        break;
      case 'holdings':
        return onHoldings(s, m);
      case 'heartbeat':
        onHeartbeat(s, link, m);
        if (m.reports.length === 0) return;
        break;
      case 'goodbye':
        onGoodbye(s, m);
        break;
      case 'askRoutes':
        return this.#sendRoutes(link);
    }
    decide(s);
  }

  #sendRoutes(link: string): void {
    const s = this.#state;
    if (!leads(s) || s.saved === null) return refuse(s, link, 'NOT_LEADER', `${s.config.name} does not lead`);
    for (const message of pagesOfRoutes(this.routes())) s.effects.sends.push({ link, message });
  }

  #onStored(id: number, outcome: Parameters<typeof onStateRead>[1]): void {
    const s = this.#state;
    const what = s.storeCalls.get(id);
    if (what === undefined) return;
    s.storeCalls.delete(id);
    switch (what.kind) {
      case 'readLease':
      case 'acquire':
      case 'renew':
      case 'release':
        return onLease(s, what, outcome);
      case 'readState':
        return onStateRead(s, outcome);
      case 'fence':
        return onFenced(s, what.state, outcome);
      case 'save':
        onSaved(s, what.state, outcome);
        break;
      case 'reread':
        onReread(s, what.state, outcome);
        break;
      case 'look':
        onLooked(s, what.tag, outcome);
        break;
    }
    announceRegistered(s);
    decide(s);
    for (const [node, h] of s.heard) publishTo(s, node, h);
  }

  #onCommand(tag: number, command: CoordinatorCommand): void {
    const s = this.#state;
    // An order that is taken is answered when the state that carries it out is saved.
    const answer = (r: CommandResult): void => {
      const revision = (s.work?.revision ?? 0) + 1;
      if (r.ok) s.pendingCommands = [...s.pendingCommands, { tag, message: r.message, revision }];
      else s.effects.replies.push({ tag, ...r });
    };
    if (command.kind === 'recover') return answer(recover(s, command));
    if (!leads(s) || s.work === null) {
      s.effects.replies.push({
        tag,
        ok: false,
        message: `${s.config.name} does not lead; ask ${s.leaseAddress === '' ? 'the leader, there is none now' : s.leaseAddress}`,
      });
      return;
    }
    if (command.kind === 'override') answer(overrideChain(s, command.slot, command.node));
    else answer(drainNode(s, command.node, command.kind === 'drain'));
    decide(s);
  }
}

export const createCoordinatorCore: CreateCoordinatorCore = (config, now) => new CoordinatorCore(config, now);

/** Looks at everything and decides; one save at a time carries all that was decided. */
function decide(s: CoordinatorState): void {
  if (!leads(s) || s.saving !== null || s.work === null) return;
  s.waitingFor = s.stateTrouble;
  watchNodes(s);
  if (hearing(s)) {
    s.waitingFor ||= 'a new leader hears first what every node holds';
    lowerLease(s);
    admit(s);
    return save(s);
  }
  if (!leads(s)) return;
  for (const c of s.work.chains) if (!tendChain(s, c)) cutBrokenLink(s, s.work?.chains[c.slot] as SavedChain);
  followPlan(s);
  lowerLease(s);
  admit(s);
  dropLater(s);
  save(s);
}

function save(s: CoordinatorState): void {
  if (s.proveStore && s.work !== null && s.work === s.saved) s.work = { ...s.work };
  s.proveStore = false;
  saveWork(s);
}

function followPlan(s: CoordinatorState): void {
  const work = s.work as ClusterState;
  const nodes = work.nodes.map((n): PlannerNode => {
    const status = statusOf(s, n);
    const h = s.heard.get(n.node);
    const deadSince = livedOf(s, n.node).deadSince;
    const leaving = n.drain || s.desired.drain.includes(n.node);
    const lost = status === 'failed' || (deadSince !== null && s.now.mono - deadSince > repairDelayMs);
    return {
      node: n.node,
      zone: n.place.zone,
      host: n.place.host,
      weight: n.place.weight,
      joinable: status === 'healthy' && h?.incarnation === n.incarnation && !h.leaving && h.space !== 'full',
      tight: h?.space === 'low',
      eligible: !leaving && !lost,
      unreachable: new Set([...(h?.unreachable.keys() ?? []), ...apartFrom(s, n.node)]),
    };
  });
  const placed = withoutFull(s, nodes);
  const chains = work.chains.map((c) => ({
    slot: c.slot,
    members: c.members.map((m) => m.node),
    joiner: c.joiner?.node ?? null,
    stable: stable(s, c) && !damped(s, c.slot),
  }));
  const wish = { replicationFactor: s.desired.replicationFactor, concurrentMoves: s.desired.concurrentMoves };
  // Placement is dear with many nodes, and changes only with them.
  const eligible = placed.filter((n) => n.eligible).map((n) => [n.node, n.zone, n.host, n.weight]);
  const key = JSON.stringify([eligible, wish.replicationFactor, chains.length]);
  if (key !== s.targetsKey) {
    s.targetsKey = key;
    s.targets = targetsOf(
      placed,
      chains.map((c) => c.slot),
      wish,
    );
  }
  for (const change of plan(placed, chains, wish, s.targets)) applyChange(s, change);
}

/**
 * A node whose disk stays full is to hold nothing, as soon as there are enough others to hold its part. Without them its
 * chains stay short, and it comes back by delta when there is room (rule 2.12).
 */
function withoutFull(s: CoordinatorState, nodes: readonly PlannerNode[]): readonly PlannerNode[] {
  const stays = (node: NodeName): boolean => {
    const since = s.heard.get(node)?.fullSince ?? null;
    return since !== null && s.now.mono - since > repairDelayMs;
  };
  const others = nodes.filter((n) => n.eligible && !stays(n.node));
  if (others.length < s.desired.replicationFactor) return nodes;
  return nodes.map((n) => (stays(n.node) ? { ...n, eligible: false } : n));
}

/** The allowed lease goes down only one old lease after the lower value was in force (R14). */
function lowerLease(s: CoordinatorState): void {
  const work = s.work as ClusterState;
  const wanted = s.desired.timings.readLeaseMs;
  if (wanted === work.leaseMsMax) {
    s.lowerAt = null;
    return;
  }
  if (wanted > work.leaseMsMax) {
    s.work = { ...work, leaseMsMax: wanted };
    return;
  }
  s.lowerAt ??= s.now.mono + work.leaseMsMax * (1 + s.desired.timings.clockRate);
  if (s.now.mono >= s.lowerAt) s.work = { ...work, leaseMsMax: wanted };
}

/** /readyz of a node: it serves in every chain it belongs to, and no chain waits to take it in. */
function admit(s: CoordinatorState): void {
  const saved = s.saved;
  if (saved === null) return;
  const busy = new Set<NodeName>();
  for (const c of saved.chains) {
    for (const m of c.members) if (!serves(s, c, m)) busy.add(m.node);
    if (c.joiner !== null) busy.add(c.joiner.node);
    if (c.members.length >= s.desired.replicationFactor) continue;
    for (const node of s.targets.get(c.slot) ?? [])
      if (!c.members.some((m) => m.node === node)) busy.add(node);
  }
  for (const n of saved.nodes) {
    const h = s.heard.get(n.node);
    if (h === undefined) continue;
    h.admitted =
      h.incarnation === n.incarnation &&
      !busy.has(n.node) &&
      h.failed === '' &&
      !h.gone &&
      h.heldEpoch === saved.epoch;
  }
}

/** The first placement: all chains at once, on nodes whose stores are empty. */
function beginCluster(s: CoordinatorState): void {
  if (s.desired.begun)
    return orphan(s, 'there is no saved state, but the cluster has begun before: the state was lost');
  if (s.firsts.size === 0) {
    s.waitingFor = `waiting for ${s.desired.nodes} storage nodes to register`;
    return;
  }
  // A cluster that lost its state looks like none until its nodes are heard (R43, R46).
  if (hearing(s)) {
    s.waitingFor = 'a cluster begins when no node of an older one was heard for long enough';
    return;
  }
  s.firstAt ??= s.now.mono;
  const enough = s.firsts.size >= s.desired.nodes;
  const late =
    s.now.mono - s.firstAt > firstPatienceMs &&
    s.firsts.size >= Math.min(s.desired.replicationFactor, s.desired.nodes);
  if (!enough && !late) {
    s.waitingFor = `${s.firsts.size} of ${s.desired.nodes} storage nodes have registered`;
    return;
  }
  const epoch = 1 as Epoch;
  const nodes = [...s.firsts.values()].map(({ message }) => {
    s.counter++;
    return {
      node: message.node,
      store: message.store,
      incarnation: incarnation(epoch, s.counter),
      place: message.place,
      drain: false,
    };
  });
  nodes.sort((a, b) => (a.node < b.node ? -1 : 1));
  const placement = new Placement(nodes.map((n) => ({ ...n.place, node: n.node })));
  const chains: SavedChain[] = [];
  const load = new Map<NodeName, number>();
  for (let slot = 0; slot < s.desired.slots; slot++) {
    const members = spread(placement.of(slot as Slot, s.desired.replicationFactor), load);
    chains.push({
      slot: slot as Slot,
      version: 1 as ChainVersion,
      members: members.map((name) => {
        const n = nodes.find((x) => x.node === name) as (typeof nodes)[number];
        return {
          node: n.node,
          store: n.store,
          incarnation: n.incarnation,
          address: n.place.address,
          since: 1 as ChainVersion,
          whole: true,
        };
      }),
      joiner: null,
      excluded: [],
      handedOut: true,
      reason: 'first placement',
    });
  }
  s.work = {
    format: 2,
    clusterId: s.config.newClusterId,
    epoch,
    revision: 0 as Revision,
    slots: s.desired.slots,
    reigns: [{ epoch, id: nextReign(s), from: 1 as Revision }],
    leaseMsMax: s.desired.timings.readLeaseMs,
    nodes,
    chains,
  };
  for (const { link, message } of s.firsts.values()) {
    const n = nodes.find((x) => x.node === message.node) as (typeof nodes)[number];
    s.heard.set(n.node, {
      ...newlyHeard(n.incarnation, link, s.now.mono),
      process: message.process,
      told: true,
    });
    s.registering.push({ link, node: n.node, incarnation: n.incarnation });
  }
  s.firsts.clear();
}

/** Orders the members of a new chain so that heads and tails are even. */
function spread(members: readonly NodeName[], load: Map<NodeName, number>): NodeName[] {
  const heads = (n: NodeName): number => load.get(`head ${n}` as NodeName) ?? 0;
  const tails = (n: NodeName): number => load.get(`tail ${n}` as NodeName) ?? 0;
  const head = [...members].sort((a, b) => heads(a) - heads(b))[0];
  if (head === undefined) return [];
  const rest = members.filter((m) => m !== head).sort((a, b) => tails(b) - tails(a));
  const ordered = [head, ...rest];
  const tail = ordered[ordered.length - 1] as NodeName;
  load.set(`head ${head}` as NodeName, heads(head) + 1);
  load.set(`tail ${tail}` as NodeName, tails(tail) + 1);
  return ordered;
}

function createState(config: CoordinatorConfig, now: Now): CoordinatorState {
  const never = Number.NEGATIVE_INFINITY;
  return {
    config,
    desired: config.desired,
    now,
    leading: { at: 'follower' },
    resigned: false,
    leaseTag: null,
    leaseDamage: '',
    leaseDoubt: false,
    leaseHolder: '',
    leaseAddress: '',
    leaseReleased: false,
    leaseDurationMs: 0,
    leaseSeenAt: never,
    leaseReadAt: never,
    leaseSentAt: never,
    leaderUntil: never,
    stateTag: null,
    saved: null,
    work: null,
    saving: null,
    savedAt: never,
    retryAt: null,
    lookedAt: never,
    stateTrouble: '',
    reigns: 0,
    storeId: 0,
    storeCalls: new Map(),
    takeoverAt: now.mono,
    hearingOver: false,
    confirmed: false,
    foreign: new Map(),
    counter: 0,
    heard: new Map(),
    lived: new Map(),
    overs: new Set(),
    apart: new Map(),
    changes: new Map(),
    leases: new Map(),
    firsts: new Map(),
    firstAt: null,
    registering: [],
    publishedAt: new Map(),
    massSince: null,
    proveStore: false,
    lowerAt: null,
    tickAt: now.mono,
    orphans: new Map(),
    targets: new Map(),
    targetsKey: '',
    waitingFor: '',
    effects: emptyEffects(),
    pendingCommands: [],
  };
}
