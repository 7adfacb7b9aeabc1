/** Faults of disks. */
import { type Inject, pickRunning } from './context.ts';

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
    if (!host.failed || seat.host !== host) return;
    f.world.endNode(seat, false);
    f.world.startNode(seat);
  };
};

export const rot: Inject = (f) => {
  const seat = pickRunning(f);
  if (seat === null) return null;
  const keys = [...seat.disk.content.slots.values()].flatMap((s) => [...s.values.keys()]);
  if (keys.length === 0) return null;
  const { disk } = seat;
  disk.rotten.add(f.random.pick(keys));
  f.took();
  return () => disk.rotten.clear();
};
