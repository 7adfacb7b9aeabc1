/**
 * The core of a storage node: its replicas, its coordinator link, its requests. A second driver of the very same
 * code is the simulator. See contract.ts for how a driver uses it.
 */
import { limits } from '../limits.ts';
import type { FromCoordinator, PeerMessage } from '../messages.ts';
import type { Batch, Boot, PersistItem } from '../persist.ts';
import { collect, persisted, presses } from '../replica/batch.ts';
import { flow, onLogRead } from '../replica/chain.ts';
import { onCompareScanned } from '../replica/compare.ts';
import { roomOf } from '../replica/dedupe.ts';
import { onLinkUp } from '../replica/install.ts';
import { onScanned, pullCopy } from '../replica/joining.ts';
import { onOwnFetched } from '../replica/poll.ts';
import { forgetAges, onReadFetched } from '../replica/reading.ts';
import { onRecordFetched } from '../replica/repair.ts';
import { bootReplica, onMessage, tick } from '../replica/replica.ts';
import { resumeFreed } from '../replica/resume.ts';
import type { Fetch, Replica } from '../replica/state.ts';
import { onWriteFetched } from '../replica/writing.ts';
import type { Routes } from '../requests.ts';
import { sleptMs } from '../timings.ts';
import { type Assignment, type Incarnation, type NodeName, noIncarnation, type Slot } from '../words.ts';
import { contain, containEvent, noSlot } from './containment.ts';
import { NodeContext } from './context.ts';
import type { Effects, NodeConfig, NodeCoreContract, NodeEvent, NodeView, Now, Peers } from './contract.ts';
import { heartbeat, onCoordinator, onCoordinatorLink, targetOf, tickControl } from './control.ts';
import { whyForeign } from './foreign.ts';
import { openForInspection } from './inspect.ts';
import { giveUpLists, onList, onListScanned } from './lists.ts';
import { failFetches, failPassed, onPass, onPassed, onRequest, routeOf } from './requests.ts';
import { noScrub, onScrubbed, scrubNow, tickScrub } from './scrub.ts';
import { onPeerSpace, onSpace, repeatSpace, tellSpace } from './space.ts';
import { emptyEffects, heldNothing, type NodeState } from './state.ts';
import { hasLeft, isAdmitted, viewOf } from './view.ts';

export class NodeCore implements NodeCoreContract {
  readonly #state: NodeState;
  readonly #ctx: NodeContext;

  constructor(config: NodeConfig, boot: Boot, now: Now) {
    this.#state = createState(config, boot, now);
    this.#ctx = new NodeContext(this.#state);
    openForInspection(this, this.#state);
  }

  get peers(): Peers {
    return this.#state.peers;
  }
  get incarnation(): Incarnation {
    return this.#state.control.incarnation;
  }
  get admitted(): boolean {
    return isAdmitted(this.#state);
  }
  get left(): boolean {
    return hasLeft(this.#state);
  }
  /** Control address of the coordinator that it talks to. */
  get coordinator(): string {
    return targetOf(this.#state);
  }

  get clusterId(): string {
    return this.#state.control.clusterId;
  }

  get servedClusterId(): string {
    return whyForeign(this.#state) === '' ? this.clusterId : '';
  }

  view(): NodeView {
    return viewOf(this.#state);
  }

  /** Every chain as this node knows it, for clients that ask. */
  routes(): Routes {
    const s = this.#state;
    const chains: Assignment[] = [];
    const slots = whyForeign(s) === '' ? s.config.slots : 0;
    for (let n = 0; n < slots; n++) {
      const route = routeOf(s, n as Slot);
      if (route !== undefined) chains.push(route);
    }
    const { set } = s.control;
    return {
      clusterId: this.servedClusterId,
      epoch: set.epoch,
      revision: set.revision,
      slots: s.config.slots,
      chains,
      times: [...s.replicas.values()].map((r) => ({ slot: r.slot, time: r.dedupe.time })),
    };
  }

  handle(event: NodeEvent, now: Now): void {
    this.#passTime(now);
    this.#ctx.slot = noSlot;
    try {
      this.#take(event);
    } catch (error) {
      containEvent(this.#state, this.#ctx, event, error);
    }
  }

  #take(event: NodeEvent): void {
    switch (event.kind) {
      case 'tick':
        return this.#tick();
      case 'peer':
        return this.#onPeer(event.from, event.incarnation, event.message);
      case 'coordinator':
        return this.#onCoordinator(event.from, event.message);
      case 'request':
        return onRequest(this.#state, this.#ctx, event.tag, event.request);
      case 'list':
        return onList(this.#state, this.#ctx, event);
      case 'persisted':
        return this.#onPersisted(event.batch);
      case 'failed':
        return this.#onFailed(event);
      case 'fetched':
        return this.#onFetched(event.id, event.entry);
      case 'logRead': {
        const f = this.#continue(event.id, 'log');
        if (f !== null) onLogRead(f.r, this.#ctx, f.next.session, event.entries);
        return;
      }
      case 'scanned': {
        const scrub = this.#continue(event.id, 'scrub');
        if (scrub !== null) return onScrubbed(this.#state, this.#ctx, scrub.r, scrub.next, event.result);
        const compare = this.#continue(event.id, 'compare');
        if (compare !== null) return onCompareScanned(compare.r, this.#ctx, compare.next, event.result);
        const copy = this.#continue(event.id, 'copy');
        if (copy !== null) return onScanned(copy.r, this.#ctx, copy.next, event.result);
        const list = this.#continue(event.id, 'list');
        if (list !== null) onListScanned(this.#state, this.#ctx, list.r, list.next, event.result);
        return;
      }
      case 'trim':
        for (const { slot, seq } of event.upTo) {
          const r = this.#state.replicas.get(slot);
          if (r === undefined || seq <= r.trimWanted) continue;
          r.trimWanted = seq;
          this.#state.unsaved.add(r);
        }
        for (const { slot, seq } of event.overdue) {
          const r = this.#state.replicas.get(slot);
          if (r === undefined || seq <= r.trimOverdue) continue;
          r.trimOverdue = seq;
          this.#state.unsaved.add(r);
        }
        return;
      case 'link':
        return this.#onLink(event.peer, event.up);
      case 'coordinatorLink':
        return onCoordinatorLink(this.#state, event.to, event.up);
      case 'space':
        return onSpace(this.#state, this.#ctx, event.level);
      case 'scrub':
        return scrubNow(this.#state);
      case 'leave':
        this.#state.control.leaving = true;
        this.#state.control.urgent = true;
        return;
    }
  }

  drain(): Effects {
    const s = this.#state;
    for (const r of s.touched) {
      this.#ctx.slot = r.slot;
      try {
        resumeFreed(r, this.#ctx);
        flow(r, this.#ctx);
        if (r.copy !== null) pullCopy(r, this.#ctx);
      } catch (error) {
        contain(s, this.#ctx, 'sending', error);
      }
    }
    s.touched.clear();
    heartbeat(s);
    if (s.control.left && s.control.registered) this.#sayGoodbye();
    const effects = s.effects;
    s.effects = emptyEffects();
    return effects;
  }

  takeBatch(): Batch | null {
    const s = this.#state;
    const c = s.control;
    if (s.flight !== null || c.failed !== '' || !this.#batchDue()) return null;
    s.takenAt = s.now.mono;
    const items: PersistItem[] = [];
    if (c.identityNews)
      items.push({
        kind: 'identity',
        clusterId: c.clusterId,
        epoch: c.epoch,
        reign: c.reign,
        incarnation: c.incarnation,
      });
    c.identityNews = false;
    const replicas: Replica[] = [];
    for (const r of s.unsaved) {
      this.#collect(r, items);
      if (r.flight !== null) replicas.push(r);
    }
    s.unsaved.clear();
    // A long catch-up is cut into several batches: come back for the rest.
    for (const r of replicas) if (r.appliedTaken < r.commit || r.saving !== null) s.unsaved.add(r);
    if (items.length === 0) return null;
    s.batchId++;
    s.flight = { batch: { id: s.batchId, items }, replicas };
    return s.flight.batch;
  }

  #collect(r: Replica, items: PersistItem[]): void {
    const before = items.length;
    try {
      collect(r, this.#ctx, items);
    } catch (error) {
      items.length = before;
      this.#ctx.slot = r.slot;
      contain(this.#state, this.#ctx, 'collecting a batch', error);
    }
  }

  /**
   * What somebody waits for goes to disk at once, and takes everything else along. The effects of committed entries
   * can wait: until they are on disk the log on disk has them.
   */
  #batchDue(): boolean {
    const s = this.#state;
    if (s.control.identityNews) return true;
    if (s.unsaved.size > 0 && s.now.mono - s.takenAt >= s.config.timings.beaconMs) return true;
    for (const r of s.unsaved) if (presses(r)) return true;
    return false;
  }

  /**
   * Time that a process spent suspended or stalled ends its lease before anything queued is answered (P44): a
   * monotonic clock may stand still during suspend, so it is compared with the wall clock.
   */
  #passTime(now: Now): void {
    const s = this.#state;
    const { readLeaseMs, clockRate } = s.config.timings;
    const slept = sleptMs(s.now, now, readLeaseMs, clockRate);
    if (slept !== 0 || now.mono - s.now.mono > readLeaseMs / 2) s.lease.until = Number.NEGATIVE_INFINITY;
    if (slept !== 0) {
      // A grant that is found on waking answers a question from before: its age is not what this clock says.
      s.control.beats.clear();
      for (const r of s.replicas.values()) forgetAges(r);
      // What neighbours' clocks were ahead of this one changed with it, at once.
      for (const [peer, c] of s.clocks) s.clocks.set(peer, { offset: c.offset - slept, at: c.at });
    }
    s.now = now;
  }

  #tick(): void {
    const s = this.#state;
    tickControl(s);
    failPassed(s, this.#ctx, null);
    giveUpLists(s, this.#ctx);
    if (s.now.mono - s.beaconAt < s.config.timings.beaconMs) return;
    s.beaconAt = s.now.mono;
    failFetches(s, this.#ctx);
    for (const r of s.replicas.values()) {
      this.#ctx.slot = r.slot;
      tick(r, this.#ctx);
    }
    tickScrub(s, this.#ctx);
    if (s.now.mono - s.clockSentAt < 1000) return;
    s.clockSentAt = s.now.mono;
    for (const [peer, link] of s.links)
      if (link.up) this.#ctx.sendPeer(peer, { kind: 'clock', wall: s.now.wall });
    repeatSpace(s, this.#ctx);
  }

  #onPeer(from: NodeName, incarnation: Incarnation, m: PeerMessage): void {
    const s = this.#state;
    if (m.kind === 'pass') return onPass(s, this.#ctx, from, m.id, m.request);
    if (m.kind === 'passed') return onPassed(s, this.#ctx, from, m.id, m.reply);
    if (m.kind === 'clock') {
      s.clocks.set(from, { offset: m.wall - s.now.wall, at: s.now.mono });
      return;
    }
    if (m.kind === 'space') return onPeerSpace(s, from, m.level);
    const r = s.replicas.get(m.slot);
    if (r === undefined) return;
    this.#ctx.slot = m.slot;
    onMessage(r, this.#ctx, from, incarnation, m);
  }

  #onCoordinator(from: string, m: FromCoordinator): void {
    onCoordinator(this.#state, this.#ctx, from, m);
  }

  #onPersisted(batch: number): void {
    const s = this.#state;
    const flight = s.flight;
    if (flight === null || flight.batch.id !== batch || s.control.failed !== '') return;
    s.flight = null;
    for (const r of flight.replicas) {
      this.#ctx.slot = r.slot;
      try {
        persisted(r, this.#ctx);
      } catch (error) {
        contain(s, this.#ctx, 'persisted', error);
      }
    }
  }

  /** Nothing is acknowledged after a failed write: what the disk holds is not known any more (P65). */
  #onFailed({ why, noRoom }: NodeEvent & { kind: 'failed' }): void {
    const s = this.#state;
    if (s.control.failed !== '') return;
    s.control.failed = why;
    s.control.noRoom = noRoom;
    s.control.urgent = true;
    this.#ctx.notice('error', 'store.failed', { why });
  }

  #onFetched(id: number, entry: Uint8Array | null | 'corrupt'): void {
    const f = this.#state.fetches.get(id);
    if (f?.kind !== 'read' && f?.kind !== 'write' && f?.kind !== 'record' && f?.kind !== 'own') return;
    this.#state.fetches.delete(id);
    const r = this.#state.replicas.get(f.slot);
    if (r === undefined) return;
    this.#ctx.slot = f.slot;
    if (f.kind === 'read') onReadFetched(r, this.#ctx, f, entry);
    else if (f.kind === 'own') onOwnFetched(r, this.#ctx, f, entry);
    else if (f.kind === 'record') onRecordFetched(r, this.#ctx, f, entry);
    else onWriteFetched(r, this.#ctx, f, entry);
  }

  #continue<K extends 'log' | 'copy' | 'list' | 'scrub' | 'compare'>(
    id: number,
    kind: K,
  ): { r: Replica; next: Fetch & { kind: K } } | null {
    const next = this.#state.fetches.get(id);
    if (next === undefined || next.kind !== kind) return null;
    this.#state.fetches.delete(id);
    const r = this.#state.replicas.get(next.slot);
    if (r === undefined) return null;
    this.#ctx.slot = next.slot;
    return { r, next: next as Fetch & { kind: K } };
  }

  #onLink(peer: NodeName, up: boolean): void {
    const s = this.#state;
    s.links.set(peer, { up, since: s.now.mono });
    if (!up) {
      failPassed(s, this.#ctx, peer);
      for (const r of s.replicas.values()) if (r.down?.peer.node === peer) r.down = null;
      return;
    }
    if (s.space.level !== 'ok') tellSpace(s, this.#ctx, peer);
    for (const r of s.replicas.values()) {
      if (r.installing !== null) continue;
      this.#ctx.slot = r.slot;
      onLinkUp(r, this.#ctx, peer);
    }
  }

  #sayGoodbye(): void {
    const s = this.#state;
    s.effects.control.push({
      to: targetOf(s),
      message: { kind: 'goodbye', incarnation: s.control.incarnation },
    });
    s.control.registered = false;
    s.lease.until = Number.NEGATIVE_INFINITY;
    this.#ctx.notice('info', 'node.left', { incarnation: s.control.incarnation });
  }
}

function createState(config: NodeConfig, boot: Boot, now: Now): NodeState {
  const room = roomOf(config.timings, config.limits ?? limits);
  const replicas = boot.slots.map((b) => bootReplica(b, room));
  return {
    config,
    store: boot.store,
    now,
    replicas: new Map(replicas.map((r) => [r.slot, r])),
    touched: new Set(),
    unsaved: new Set(),
    control: {
      target: 0,
      linked: false,
      heardAt: now.mono,
      triedAt: Number.NEGATIVE_INFINITY,
      registered: false,
      clusterId: boot.identity.clusterId,
      epoch: boot.identity.epoch,
      reign: boot.identity.reign,
      incarnation: noIncarnation,
      previous: boot.identity.incarnation,
      beat: 0,
      beats: new Map(),
      lastBeatAt: Number.NEGATIVE_INFINITY,
      urgent: false,
      set: heldNothing,
      held: heldNothing,
      paging: null,
      refusal: '',
      announcedAt: Number.NEGATIVE_INFINITY,
      report: 0,
      reports: new Map(),
      admitted: false,
      leaving: false,
      left: false,
      failed: '',
      noRoom: false,
      identityNews: false,
    },
    scrub: noScrub(now.mono, config.scrub),
    space: { level: 'ok', better: null, out: false, peers: new Map() },
    lease: { until: Number.NEGATIVE_INFINITY, installs: 0, denied: new Set() },
    installs: 0,
    links: new Map(),
    coordinatorLinks: new Set(),
    clocks: new Map(),
    clockSentAt: Number.NEGATIVE_INFINITY,
    routes: new Map(),
    peers: new Map(),
    fetchId: 0,
    fetches: new Map(),
    // Answers to a process before this one must not be taken for answers to this one (I8).
    passId: (config.ownClient % 2 ** 31) * 2 ** 21,
    passed: new Map(),
    asked: new Map(),
    askedTag: -1,
    waiting: new Map(),
    waitingBytes: 0,
    lists: new Map(),
    listScans: 0,
    pendingBytes: replicas.reduce((sum, r) => sum + r.pendingBytes, 0),
    batchId: 0,
    takenAt: now.mono,
    flight: null,
    beaconAt: Number.NEGATIVE_INFINITY,
    turn: 0,
    effects: emptyEffects(),
  };
}
