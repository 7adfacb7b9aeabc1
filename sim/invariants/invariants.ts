/**
 * The invariants of docs/protocol.md section 8, looked at after every step of every node. Only what changed since the
 * last look is compared, so that a look costs little.
 */

import type { Entry } from '../../protocol/entry.ts';
import { inspect } from '../../protocol/node/inspect.ts';
import type { Batch } from '../../protocol/persist.ts';
import { itemAt, versionAt } from '../../protocol/replica/log.ts';
import { canRead } from '../../protocol/replica/reading.ts';
import { durable, type Replica } from '../../protocol/replica/state.ts';
import type { Reply, Request } from '../../protocol/requests.ts';
import { slotOf } from '../../protocol/slots.ts';
import {
  formatIncarnation,
  formatPosition,
  type Incarnation,
  type Seq,
  type Slot,
} from '../../protocol/words.ts';
import { holdsEntry } from '../world/content.ts';
import type { Disk } from '../world/disk.ts';
import type { NodeHost } from '../world/node-host.ts';
import { type SavedChains, wholeStores } from '../world/saved-state.ts';
import { compareAtMark, compareResults } from './contents.ts';
import { createSlotLedger, nameOf, noteCommitted, noteEntry, placeOf, type SlotLedger } from './ledger.ts';
import { memoryHeld } from './memory.ts';

export interface Violation {
  /** I1 to I8, or what else was broken. */
  readonly rule: string;
  readonly slot: number;
  readonly message: string;
}

export interface Invariants {
  readonly violations: Violation[];
  readonly ledgers: readonly SlotLedger[];
  /** A process begins with what its disk holds. */
  started(host: NodeHost): void;
  turned(host: NodeHost): void;
  written(host: NodeHost, batch: Batch): void;
  replied(host: NodeHost, request: Request, reply: Reply): void;
  /** The store does not hold everything any more: its disk was emptied, or lost what it had not flushed. */
  damaged(disk: Disk): void;
  /** An operator decides who carries the chain on: what was in force is not any more. */
  overridden(slot: Slot): void;
  fail(rule: string, slot: number, message: string): void;
}

import { createRoomCheck } from './room.ts';

/** What a replica looked like at the last look. */
interface Seen {
  version: number;
  installed: number;
  commit: number;
  start: number;
  durable: number;
  member: boolean;
}

interface SeenNode {
  epoch: number;
  incarnation: Incarnation;
  readonly replicas: (Seen | undefined)[];
}

/** `saved`: what the coordinators saved last; tells whose incarnation is whose. */
export function createInvariants(slots: number, saved: () => SavedChains | null): Invariants {
  const violations: Violation[] = [];
  const ledgers = Array.from({ length: slots }, (_, slot) => createSlotLedger(slot as Slot));
  const seen = new Map<number, SeenNode>();
  /** Store of each incarnation, and the disk that each store is now. */
  const storeOf = new Map<Incarnation, Disk>();
  const storeIds = new Map<Incarnation, string>();
  let learned: SavedChains | null = null;
  /** Slots of which a disk may lack what it once had. */
  const unsafe = new Map<Disk, Set<Slot>>();
  const roomCheck = createRoomCheck();
  const appliedMarks = new Map<Disk, Map<Slot, number>>();

  const fail = (rule: string, slot: number, message: string): void =>
    void violations.push({ rule, slot, message });

  function started(host: NodeHost): void {
    disks.set(host.disk.id, host.disk);
    const marks = new Map<Slot, number>();
    appliedMarks.set(host.disk, marks);
    for (const s of host.disk.content.slots.values()) {
      const ledger = ledgers[s.slot] as SlotLedger;
      if (ledger.serving.has(host.disk.id) && !isUnsafe(host.disk, s.slot))
        for (const wrong of compareAtMark(ledger, host.disk)) fail('I3', s.slot, `at its start ${wrong}`);
      marks.set(s.slot, s.marks.commit.seq);
      for (const entry of s.log) noteOnDisk(host, s.slot, entry);
    }
  }

  function noteOnDisk(host: NodeHost, slot: Slot, entry: Entry): void {
    const wrong = noteEntry(ledgers[slot] as SlotLedger, entry);
    if (wrong !== '') fail('I3', slot, `${host.name}: ${wrong}`);
  }

  function turned(host: NodeHost): void {
    learnStores();
    const { control, replicas } = inspect(host.core);
    let node = seen.get(host.process);
    if (node === undefined) {
      node = { epoch: 0, incarnation: 0 as Incarnation, replicas: [] };
      seen.set(host.process, node);
    }
    if (control.epoch < node.epoch)
      fail('I2', -1, `${host.name}: its epoch went back from ${node.epoch} to ${control.epoch}`);
    node.epoch = control.epoch;
    if (control.incarnation !== node.incarnation) {
      node.incarnation = control.incarnation;
      storeOf.set(control.incarnation, host.disk);
      storeIds.set(control.incarnation, host.disk.id);
    }
    for (const r of replicas.values()) look(host, node, r);
  }

  function look(host: NodeHost, node: SeenNode, r: Replica): void {
    const crowded = roomCheck(host, r);
    if (crowded !== '') fail('I9', r.slot, crowded);
    const held = memoryHeld(host, r);
    if (held !== '') fail('R42', r.slot, held);
    const before = node.replicas[r.slot];
    const version = r.assignment?.version ?? 0;
    const member = r.role === 'member';
    const mark = member ? durable(r) : 0;
    if (before === undefined) {
      node.replicas[r.slot] = {
        version,
        installed: r.installed,
        commit: r.commit,
        start: r.log.start.seq,
        durable: mark,
        member,
      };
      return;
    }
    if (version < before.version)
      fail('I2', r.slot, `${host.name}: its chain version went back from ${before.version} to ${version}`);
    // A joiner may begin anew from a snapshot, and who left may be told to forget.
    if (r.commit < before.commit && member)
      fail('I2', r.slot, `${host.name}: its commit mark went back from ${before.commit} to ${r.commit}`);
    if (member && before.member && r.installed === before.installed && mark < before.durable)
      fail(
        'I2',
        r.slot,
        `${host.name}: its durable mark went back from ${before.durable} to ${mark} within version ${version}`,
      );
    if (member) noteInstalled(host, r);
    const start = r.log.start.seq;
    if (r.commit > before.commit) committed(host, r, Math.max(before.commit, start));
    before.version = version;
    before.installed = r.installed;
    before.commit = r.commit;
    before.start = start;
    before.durable = mark;
    before.member = member;
    if (member) noteServing(host, r);
  }

  /** Which version is in force (rule 4.1). */
  function noteInstalled(host: NodeHost, r: Replica): void {
    const ledger = ledgers[r.slot] as SlotLedger;
    const version = r.assignment?.version ?? 0;
    const store = host.disk.id;
    if (version > ledger.effective && (ledger.effective === 0 || ledger.serving.has(store))) {
      const stores = (r.assignment?.members ?? []).map((m) => storeIds.get(m.incarnation));
      const first = ledger.effective === 0;
      ledger.effective = version;
      if (first) for (const id of wholeStores(saved(), r.slot)) ledger.serving.add(id);
      else for (const id of [...ledger.serving]) if (!stores.includes(id)) ledger.serving.delete(id);
    }
  }

  /** A member may be named before its process knows its incarnation, and in a version that another soon replaces. */
  function learnStores(): void {
    const state = saved();
    if (state === learned) return;
    learned = state;
    for (const c of state?.chains ?? []) for (const m of c.members) storeIds.set(m.incarnation, m.store);
  }

  /** Who holds everything: who answers as what it is in the version in force (R7). */
  function noteServing(host: NodeHost, r: Replica): void {
    const ledger = ledgers[r.slot] as SlotLedger;
    const version = r.assignment?.version ?? 0;
    const store = host.disk.id;
    if (version !== ledger.effective || !canRead(r)) return;
    if (ledger.serving.has(store)) return;
    ledger.serving.add(store);
    unsafe.get(host.disk)?.delete(r.slot);
    const last = ledger.committed[ledger.committed.length - 1];
    if (last !== undefined && !holds(host.disk, r.slot, last))
      fail(
        'I3',
        r.slot,
        `${host.name} serves at version ${version}, but lacks ${formatPosition(last)}, which is committed`,
      );
    for (const wrong of compareAtMark(ledger, host.disk))
      fail('I3', r.slot, `when it began to serve version ${version}, ${wrong}`);
    const results = compareResults(ledger, r, inspect(host.core).config.timings.dedupeHorizonMs);
    if (results !== '')
      fail('I4', r.slot, `when it began to serve version ${version}, ${host.name} ${results}`);
  }

  function committed(host: NodeHost, r: Replica, from: number): void {
    const ledger = ledgers[r.slot] as SlotLedger;
    for (let seq = from + 1; seq <= r.commit; seq++) {
      const entry = entryOf(ledger, r, seq as Seq);
      if (entry === undefined)
        return fail('I1', r.slot, `${host.name} committed sequence ${seq}, which no disk ever held`);
      const isFirst = ledger.committed.length < seq;
      const wrong = noteCommitted(ledger, seq, entry);
      if (wrong !== '') return fail(wrong.slice(0, 2), r.slot, `${host.name}: ${wrong}`);
      // Whom a later version that is in force left out may have been told to forget: see `everyoneServingHas`.
      if (isFirst && r.assignment?.version === ledger.effective) onEveryDisk(host, r, entry);
    }
    everyoneServingHas(host, r);
  }

  function entryOf(ledger: SlotLedger, r: Replica, seq: Seq): Entry | undefined {
    const version = versionAt(r.log, seq);
    if (version === undefined) return itemAt(r.log, seq)?.entry;
    return ledger.entries.get(placeOf({ version, seq }));
  }

  const isUnsafe = (disk: Disk, slot: Slot): boolean => unsafe.get(disk)?.has(slot) === true;

  const holds = (disk: Disk, slot: Slot, entry: Entry): boolean => {
    const s = disk.content.slots.get(slot);
    return s !== undefined && holdsEntry(s, entry);
  };

  /**
   * A later version was handed out without this store. It is in force from then on (section 3), whoever installed it
   * first, so the store may have been told to forget.
   */
  function leftOut(slot: Slot, version: number, store: string | undefined): boolean {
    const later = saved()?.chains[slot];
    if (later === undefined || !later.handedOut || later.version <= version) return false;
    return !later.members.some((m) => m.store === store);
  }

  /** I1: at the moment of its commit an entry is on disk at every member of the version. */
  function onEveryDisk(host: NodeHost, r: Replica, entry: Entry): void {
    for (const m of r.assignment?.members ?? []) {
      if (leftOut(r.slot, r.assignment?.version ?? 0, storeIds.get(m.incarnation))) continue;
      const disk = storeOf.get(m.incarnation);
      if (disk === undefined)
        fail(
          'I1',
          r.slot,
          `${host.name} committed ${formatPosition(entry)} at version ${r.assignment?.version}, of which ${m.node}@${formatIncarnation(m.incarnation)} never was a member`,
        );
      else if (!isUnsafe(disk, r.slot) && !holds(disk, r.slot, entry))
        fail(
          'I1',
          r.slot,
          `${host.name} committed ${formatPosition(entry)} (${nameOf(entry)}) at version ${r.assignment?.version}, but ${m.node} does not have it on disk`,
        );
    }
  }

  /** I3: nobody commits what a serving member of the version in force lacks. */
  function everyoneServingHas(host: NodeHost, r: Replica): void {
    const ledger = ledgers[r.slot] as SlotLedger;
    const entry = ledger.committed[r.commit - 1];
    if (entry === undefined) return;
    for (const id of ledger.serving) {
      const disk = disks.get(id);
      if (leftOut(r.slot, ledger.effective, id)) continue;
      if (disk !== undefined && !isUnsafe(disk, r.slot) && !holds(disk, r.slot, entry))
        fail(
          'I3',
          r.slot,
          `${host.name} committed ${formatPosition(entry)} at version ${r.assignment?.version}, but ${id}, serving at version ${ledger.effective}, lacks it`,
        );
    }
  }

  const disks = new Map<string, Disk>();

  function written(host: NodeHost, batch: Batch): void {
    const marks = appliedMarks.get(host.disk) as Map<Slot, number>;
    for (const item of batch.items) {
      if (item.kind === 'append') for (const entry of item.entries) noteOnDisk(host, item.slot, entry);
      else if (item.kind === 'erase') marks.delete(item.slot);
      else if (item.kind === 'marks') {
        const last = marks.get(item.slot) ?? 0;
        if (item.commit.seq < last)
          fail(
            'I2',
            item.slot,
            `${host.name}: its saved commit mark went back from ${last} to ${item.commit.seq}`,
          );
        marks.set(item.slot, item.commit.seq);
      }
    }
  }

  function replied(host: NodeHost, request: Request, reply: Reply): void {
    if (request.op === 'get') {
      if (reply.kind === 'failed' && reply.code === 'SESSION_LOST')
        fail('I3', slotOf(request.key, slots), `${host.name}: ${reply.message}`);
      return;
    }
    if (reply.kind !== 'written') return;
    const slot = slotOf(request.key, slots);
    const ledger = ledgers[slot] as SlotLedger;
    const entry = ledger.committed[reply.position.seq - 1];
    if (entry === undefined || entry.version !== reply.position.version)
      fail('I7', slot, `${host.name} acknowledged ${formatPosition(reply.position)}, which is not committed`);
    else if (entry.client !== request.client || entry.number !== request.number)
      fail(
        'I8',
        slot,
        `${host.name} told ${request.client}/${request.number} that its write is done at ${formatPosition(entry)}, which is ${nameOf(entry)}`,
      );
  }

  return {
    violations,
    ledgers,
    started,
    turned,
    written,
    replied,
    damaged(disk) {
      unsafe.set(disk, new Set(ledgers.map((l) => l.slot)));
      for (const ledger of ledgers) ledger.serving.delete(disk.id);
    },
    overridden(slot) {
      const ledger = ledgers[slot] as SlotLedger;
      ledger.effective = 0;
      ledger.serving.clear();
    },
    fail,
  };
}
