/** Faults of disks. */
import { type Random, streamOf } from '../random.ts';
import { endOf } from '../world/content.ts';
import type { NodeHost } from '../world/node-host.ts';
import type { NodeSeat } from '../world/world.ts';
import { type FaultContext, type Inject, mayLose, nothing, pickRunning } from './context.ts';

export const diskstall: Inject = (f) => {
  const seat = pickRunning(f);
  if (seat === null) return null;
  if (seat.disk.busy) f.took();
  seat.disk.stall(f.random.pick([50, 500, 3000, 30_000]));
  return () => seat.disk.unstall();
};

/** A write fails; the process acknowledges nothing any more, until it is started anew. */
export const diskerror: Inject = (f) => {
  const seat = pickRunning(f);
  const host = seat?.host ?? null;
  if (seat === null || host === null) return null;
  const { disk } = seat;
  disk.breakNext();
  if (disk.busy) f.took();
  return () => {
    disk.mendNext();
    restartFailed(f, seat, host);
  };
};

/** Reads fail now and then: values can't be read, and a log that can't be read ends the store for its process. */
export const readerror: Inject = (f) => {
  const seat = pickRunning(f);
  const host = seat?.host ?? null;
  if (seat === null || host === null || !mayBeUnreadable(f, seat)) return null;
  const { disk } = seat;
  disk.breakReads(f.random.pick([0.05, 0.3, 1]));
  f.took();
  return () => {
    disk.breakReads(0);
    restartFailed(f, seat, host);
  };
};

function restartFailed(f: FaultContext, seat: NodeSeat, host: NodeHost): void {
  if (!host.failed || seat.host !== host) return;
  f.world.endNode(seat, false);
  f.world.startNode(seat);
}

/** A record that can be read nowhere is lost, which is no fault that a store can survive: one disk at a time. */
const mayBeUnreadable = (f: FaultContext, seat: NodeSeat): boolean =>
  mayLose(f, seat.disk) && f.world.nodes.every((n) => n === seat || n.disk.readable);

/** Draws that shift no other ones. */
const ownDraws = ({ world }: FaultContext): Random =>
  streamOf(world.plan.seed, `disks ${world.schedule.now}`);

/** Everything takes longer, as on a disk that others use too or that is about to die. */
export const diskslow: Inject = (f) => {
  const seat = pickRunning(f);
  if (seat === null) return null;
  const { disk } = seat;
  disk.slow(f.random.pick([5, 20, 100]));
  f.took();
  return () => disk.slow(1);
};

/** Somebody fills the disk, now and then to the last byte, and makes room again. */
export const full: Inject = (f) => {
  const seat = pickRunning(f);
  if (seat === null || seat.disk.space !== 'ok') return null;
  const { disk } = seat;
  const own = ownDraws(f);
  disk.space = f.random.pick(['low', 'full']);
  f.took();
  if (disk.space === 'low' && f.random.chance(0.5))
    f.world.schedule.after(f.random.between(0, f.lasts), () => {
      if (disk.space === 'low') disk.space = 'full';
    });
  if (own.chance(0.3))
    f.world.schedule.after(own.between(0, f.lasts), () => {
      if (disk.space !== 'ok') disk.exhausted = true;
    });
  return () => {
    disk.space = 'ok';
    disk.exhausted = false;
    if (seat.host !== null) restartFailed(f, seat, seat.host);
  };
};

/** One value, or all of a block: what a misdirected write leaves is found damaged by its checksum. */
export const rot: Inject = (f) => {
  const seat = pickRunning(f);
  if (seat === null || !mayBeUnreadable(f, seat)) return null;
  const { disk } = seat;
  const held = [...disk.content.slots.values()].filter((s) => s.values.size > 0);
  if (held.length === 0) return null;
  const keys = [...f.random.pick(held).values.keys()].sort();
  const first = f.random.int(keys.length);
  for (const key of keys.slice(first, first + f.random.pick([1, 1, 4, 1000]))) disk.rotten.add(key);
  // What is damaged of the log stays so until it is trimmed.
  if (ownDraws(f).chance(0.4)) for (const s of held) disk.logRotten.set(s.slot, endOf(s).seq);
  f.took();
  return f.world.plan.rotStays === true ? nothing : () => disk.rotten.clear();
};
