/** What the replica code needs of its node, over the small world. Time stands still; leases are moves. */
import { featureLevel } from '../../protocol/features.ts';
import { limits } from '../../protocol/limits.ts';
import type { ChainMessage } from '../../protocol/messages.ts';
import { onLogRead } from '../../protocol/replica/chain.ts';
import { roomOf } from '../../protocol/replica/dedupe.ts';
import { onReadFetched } from '../../protocol/replica/reading.ts';
import type { Context, Fetch, Replica } from '../../protocol/replica/state.ts';
import { onWriteFetched } from '../../protocol/replica/writing.ts';
import type { Reply } from '../../protocol/requests.ts';
import { defaultTimings } from '../../protocol/timings.ts';
import type { Incarnation, Key, NodeName, Seq } from '../../protocol/words.ts';
import { type Process, pairOf, type World, wireOf } from './world.ts';

export class SmallContext implements Context {
  mono = 0;
  readonly wall = 1_700_000_000_000;
  readonly timings = defaultTimings;
  readonly limits = limits;
  readonly features = featureLevel;
  readonly room = roomOf(defaultTimings, limits);
  readonly clockTrusted = true;
  readonly tightest = (): null => null;
  readonly failed = false;
  readonly noRoom = false;
  readonly replies: { readonly tag: number; readonly reply: Reply }[] = [];
  readonly #w: World;
  readonly #at: number;
  readonly #leases: boolean;
  readonly #fetches: { readonly key: Key | null; readonly from: Seq; readonly then: Fetch }[] = [];

  constructor(w: World, at: number, leases: boolean) {
    this.#w = w;
    this.#at = at;
    this.#leases = leases;
  }

  get process(): Process {
    return this.#w.processes[this.#at] as Process;
  }
  get name(): NodeName {
    return this.process.name;
  }
  get incarnation(): Incarnation {
    return this.process.incarnation;
  }

  /**
   * As many leases as the rules allow: whoever the saved chain names has one at every moment for what it installed
   * since then; whoever it leaves out keeps the last one until that ran out.
   */
  leaseCovers(r: Replica): boolean {
    if (!this.#leases || r.assignment === null) return false;
    const m = this.#w.chain.members.find((x) => x.incarnation === this.incarnation);
    if (m !== undefined && r.assignment.version >= m.since) return true;
    return r.installed <= this.process.oldLease;
  }

  linkUp(peer: NodeName): boolean {
    return this.process.links[this.#index(peer)] !== 0;
  }

  /** What leaves on a connection that is broken already is lost. */
  send(to: NodeName, message: ChainMessage): void {
    const peer = this.#index(to);
    const connection = this.process.links[peer];
    if (connection === 0 || connection !== this.#w.connections[pairOf(this.#w, this.#at, peer)]) return;
    Object.freeze(message);
    wireOf(this.#w, this.#at, peer).push(
      Object.freeze({ kind: 'message', incarnation: this.incarnation, message }),
    );
  }

  reply(tag: number, reply: Reply): void {
    this.replies.push({ tag, reply });
  }
  fetch(key: Key, then: Fetch & { kind: 'read' | 'write' }): void {
    this.#fetches.push({ key, from: 0 as Seq, then });
  }
  readLog(from: Seq, _maxBytes: number, then: Fetch & { kind: 'log' }): void {
    this.#fetches.push({ key: null, from, then });
  }
  page(): void {
    throw new Error('nobody lists in this scope');
  }

  scan(): void {
    throw new Error('nobody joins in this scope');
  }

  /** Store reads are answered at once, by what is on disk. */
  answerFetches(): void {
    for (let f = this.#fetches.shift(); f !== undefined; f = this.#fetches.shift()) {
      const { replica: r, disk } = this.process;
      const { then, from } = f;
      const stored = f.key === null ? null : (disk.values.get(f.key)?.bytes ?? null);
      if (then.kind === 'read') onReadFetched(r, this, then, stored);
      else if (then.kind === 'write') onWriteFetched(r, this, then, stored);
      else if (then.kind === 'log')
        onLogRead(
          r,
          this,
          then.session,
          disk.log.filter((e) => e.seq >= from),
        );
    }
  }

  report(): void {}
  touch(): void {}
  readonly pendingRoom = Number.MAX_SAFE_INTEGER;
  notePending(r: Replica, bytes: number): void {
    r.pendingBytes += bytes;
  }
  notice(): void {}

  nextInstall(): number {
    this.process.installs++;
    return this.process.installs;
  }

  #index(name: NodeName): number {
    return this.#w.processes.findIndex((p) => p.name === name);
  }
}
