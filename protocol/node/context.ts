/** What replicas need of their node, over the node's state. One object; `slot` says which replica is at work. */
import { featureLevel } from '../features.ts';
import { type Limits, limits } from '../limits.ts';
import type { ChainMessage, PeerMessage } from '../messages.ts';
import { type Room, roomOf } from '../replica/dedupe.ts';
import type { Context, Fetch, Replica, TightDisk } from '../replica/state.ts';
import type { Failure, Page, Reply } from '../requests.ts';
import type { Timings } from '../timings.ts';
import type { Incarnation, Key, NodeName, Seq, Slot } from '../words.ts';
import type { Notice } from './contract.ts';
import { tightestOf } from './space.ts';
import { type NodeState, noteReport } from './state.ts';

export class NodeContext implements Context {
  slot: Slot = 0 as Slot;
  readonly limits: Limits;
  readonly features: number;
  readonly room: Room;
  readonly #s: NodeState;

  constructor(s: NodeState) {
    this.#s = s;
    this.limits = s.config.limits ?? limits;
    this.features = s.config.features ?? featureLevel;
    this.room = roomOf(s.config.timings, this.limits);
  }

  get mono(): number {
    return this.#s.now.mono;
  }
  get wall(): number {
    return this.#s.now.wall;
  }
  get name(): NodeName {
    return this.#s.config.name;
  }
  get incarnation(): Incarnation {
    return this.#s.control.incarnation;
  }
  get timings(): Timings {
    return this.#s.config.timings;
  }
  get failed(): boolean {
    return this.#s.control.failed !== '';
  }
  get noRoom(): boolean {
    return this.#s.control.noRoom;
  }

  /** Compared now, at every use: a lease that ran out is out, whatever was promised before. */
  leaseCovers(r: Replica): boolean {
    const { lease, now, control } = this.#s;
    return (
      now.mono < lease.until &&
      r.installed <= lease.installs &&
      !lease.denied.has(r.slot) &&
      control.failed === ''
    );
  }

  /** Off by more than a tenth of the dedupe horizon from every neighbour heard lately: not to be trusted (R18). */
  get clockTrusted(): boolean {
    const { clocks, now, config } = this.#s;
    let heard = 0;
    for (const c of clocks.values()) {
      if (now.mono - c.at > 5000) continue;
      if (Math.abs(c.offset) <= config.timings.dedupeHorizonMs / 10) return true;
      heard++;
    }
    return heard === 0;
  }

  tightest(r: Replica): TightDisk | null {
    return tightestOf(this.#s, r);
  }

  linkUp(peer: NodeName): boolean {
    return this.#s.links.get(peer)?.up === true;
  }

  send(to: NodeName, message: ChainMessage): void {
    this.sendPeer(to, message);
  }

  sendPeer(to: NodeName, message: PeerMessage): void {
    const { sends } = this.#s.effects;
    const queue = sends.get(to);
    if (queue === undefined) sends.set(to, [message]);
    else queue.push(message);
  }

  reply(tag: number, reply: Reply): void {
    const s = this.#s;
    if (tag >= 0) {
      s.waitingBytes -= s.waiting.get(tag) ?? 0;
      s.waiting.delete(tag);
      s.effects.replies.push({ tag, reply });
      return;
    }
    const asked = s.asked.get(tag);
    if (asked === undefined) return;
    s.asked.delete(tag);
    s.waitingBytes -= asked.bytes;
    this.sendPeer(asked.to, { kind: 'passed', id: asked.id, reply });
  }

  fetch(key: Key, then: Fetch & { kind: 'read' | 'write' | 'record' | 'own' }): void {
    this.#s.effects.fetches.push({ id: this.#remember(then), slot: then.slot, key });
  }

  readLog(from: Seq, maxBytes: number, then: Fetch & { kind: 'log' }): void {
    this.#s.effects.logReads.push({ id: this.#remember(then), slot: then.slot, from, maxBytes });
  }

  scan(
    after: Key | null,
    maxBytes: number,
    then: Fetch & { kind: 'copy' | 'list' | 'scrub' | 'compare' },
  ): void {
    if (then.kind === 'list') this.#s.listScans++;
    this.#s.effects.scans.push({
      id: this.#remember(then),
      slot: then.slot,
      after,
      maxBytes,
      paced: then.kind === 'copy',
    });
  }

  /** One that was given up already has its answer. */
  page(tag: number, page: Page | Failure): void {
    if (this.#s.lists.delete(tag)) this.#s.effects.pages.push({ tag, page });
  }

  #remember(then: Fetch): number {
    this.#s.fetchId++;
    this.#s.fetches.set(this.#s.fetchId, then);
    return this.#s.fetchId;
  }

  report(r: Replica): void {
    noteReport(this.#s.control, r.slot);
    this.#s.control.urgent = true;
  }

  notePending(r: Replica, bytes: number): void {
    r.pendingBytes += bytes;
    this.#s.pendingBytes += bytes;
  }

  get pendingRoom(): number {
    return this.limits.nodePendingBytes - this.#s.pendingBytes;
  }

  touch(r: Replica): void {
    this.#s.touched.add(r);
    this.#s.unsaved.add(r);
  }

  nextInstall(): number {
    this.#s.installs++;
    return this.#s.installs;
  }

  notice(level: Notice['level'], name: string, fields: Record<string, unknown>): void {
    this.#s.effects.notices.push({ name, level, fields });
  }
}
