/** Faults of storage processes and of their machines. */
import type { LogTop } from '../../protocol/persist.ts';
import type { Seq } from '../../protocol/words.ts';
import type { NodeHost } from '../world/node-host.ts';
import type { NodeSeat, World } from '../world/world.ts';
import {
  type FaultContext,
  type Inject,
  mayLose,
  nothing,
  pickRunning,
  runningSeats,
  type Undo,
} from './context.ts';

/** Starts a node again unless somebody already did. */
const restart = (world: World, seat: NodeSeat) => (): void => {
  if (seat.host === null) world.startNode(seat);
};

function crashOne(f: FaultContext, quiet: boolean): NodeSeat | null {
  const seat = pickRunning(f);
  if (seat === null) return null;
  f.took();
  f.world.endNode(seat, quiet);
  return seat;
}

export const crash: Inject = (f) => {
  const seat = crashOne(f, f.random.chance(0.3));
  if (seat === null) return null;
  // Every third time the process comes back somewhere else.
  if (f.random.chance(0.3)) f.world.reboot(seat);
  return restart(f.world, seat);
};

export const bounce: Inject = (f) => {
  const seat = crashOne(f, false);
  if (seat === null) return null;
  f.world.schedule.after(f.random.between(1, 150), restart(f.world, seat));
  return restart(f.world, seat);
};

/** The machine boots anew: no process can prove that it follows the old one, and unflushed writes are gone. */
export const power: Inject = (f) => {
  if (f.world.plan.disk.durability === 'os')
    return loseSomething(f, (seat) => {
      f.world.endNode(seat, true);
      f.world.reboot(seat);
      f.damaged(seat.disk);
      seat.disk.powerLoss();
    });
  const seat = crashOne(f, true);
  if (seat === null) return null;
  f.world.reboot(seat);
  seat.disk.powerLoss();
  return restart(f.world, seat);
};

export const blackout: Inject = (f) => {
  const seats = runningSeats(f.world);
  if (seats.length < 2) return null;
  f.took();
  for (const seat of seats) f.world.endNode(seat, false);
  const undos = seats.map((seat) => {
    const undo = restart(f.world, seat);
    f.world.schedule.after(f.random.between(1, f.lasts), undo);
    return undo;
  });
  return () => {
    for (const undo of undos) undo();
  };
};

export const blank: Inject = (f) =>
  loseSomething(f, (seat) => {
    f.world.endNode(seat, f.random.chance(0.5));
    f.damaged(seat.disk);
    f.world.reboot(seat);
    f.world.format(seat);
  });

/** A volume is brought back to what it held a while ago. */
export const rollback: Inject = (f) => {
  const saved = new Map(f.world.nodes.map(({ disk }) => [disk, disk.save()]));
  return loseSomething(f, (seat) => {
    f.world.endNode(seat, false);
    f.damaged(seat.disk);
    saved.get(seat.disk)?.();
  });
};

/**
 * All processes die, and what is damaged at the end of one disk takes its last batches with it. The others heard of the
 * newest marks in memory only. They all come back before anybody is given up.
 */
export const torn: Inject = (f) => {
  const seat = pickRunning(f);
  if (seat === null) return null;
  const { world, random } = f;
  let over = false;
  let tear: (() => void) | null = null;
  let seats: NodeSeat[] = [];
  f.calm(
    () => {
      if (over || tear === null || seat.host === null || !mayLose(f, seat.disk)) return;
      f.took();
      seats = runningSeats(world);
      for (const each of seats) world.endNode(each, false);
      f.damaged(seat.disk);
      tear();
      for (const each of seats)
        world.schedule.after(random.between(1, world.plan.timings.deadMs / 6), restart(world, each));
    },
    {
      ms: random.pick([2, 10, 50, 200]) * random.next(),
      act() {
        if (seat.host !== null) tear = seat.disk.save();
      },
    },
  );
  return () => {
    over = true;
    for (const each of seats) restart(world, each)();
  };
};

/** Chooses a node whose disk may lose something, and starts the node again when it did. */
function loseSomething(f: FaultContext, lose: (seat: NodeSeat) => void): Undo {
  const seat = pickRunning(f);
  if (seat === null) return null;
  let over = false;
  f.calm(() => {
    if (over || seat.host === null || !mayLose(f, seat.disk)) return;
    f.took();
    lose(seat);
    f.world.schedule.after(f.random.between(1, f.lasts), restart(f.world, seat));
  });
  return () => {
    over = true;
    restart(f.world, seat)();
  };
}

/** The volume is taken from a running process and given to a new one; the old one can't write any more, but it answers. */
export const twin: Inject = (f) => {
  const seat = pickRunning(f);
  if (seat === null) return null;
  const old = seat.host as NodeHost;
  f.took();
  old.disk.stall(Number.POSITIVE_INFINITY);
  seat.disk = old.disk.clone();
  f.world.reboot(seat);
  seat.host = null;
  f.world.zombies.push(old);
  f.world.startNode(seat);
  return () => f.world.buryZombie(old);
};

export const freeze: Inject = (f) => standStill(f, false);
export const suspend: Inject = (f) => standStill(f, true);

function standStill(f: FaultContext, asleep: boolean): Undo {
  const seat = pickRunning(f);
  const host = seat?.host ?? null;
  if (seat === null || host === null || host.loop.frozen) return null;
  const { loop, port, clock } = host;
  const began = f.world.schedule.now;
  f.took();
  loop.freeze();
  f.world.network.silent(port);
  return () => {
    if (!loop.frozen) return;
    if (asleep) clock.slept(f.world.schedule.now - began);
    loop.thaw();
  };
}

export const lag: Inject = (f) => {
  const seat = pickRunning(f);
  const loop = seat?.host?.loop;
  if (loop === undefined) return null;
  f.took();
  loop.setLag(f.random.pick([2, 10, 50, 300]));
  return () => loop.setLag(0);
};

export const walljump: Inject = (f) => {
  const seat = f.random.pick([...f.world.nodes, ...f.world.coordinators]);
  const far = f.random.pick([3_600_000, 100_000, 10_000, 500]);
  f.took();
  seat.clock.setWallOffset(f.random.chance(0.5) ? far : -far);
  return () => seat.clock.setWallOffset(0);
};

/** Asks to leave every chain; when it may go, or its patience ends, it goes, and comes back later. */
export const leave: Inject = (f) => {
  const seat = pickRunning(f);
  const host = seat?.host ?? null;
  if (seat === null || host === null) return null;
  f.took();
  host.leave();
  const watch = (): void => {
    if (!host.loop.alive) return;
    if (host.core.left && seat.host === host) f.world.endNode(seat, false);
    else f.world.schedule.after(50, watch);
  };
  watch();
  return () => {
    if (seat.host === host) f.world.endNode(seat, false);
    restart(f.world, seat)();
  };
};

export const trim: Inject = (f) => {
  const seat = pickRunning(f);
  const host = seat?.host ?? null;
  if (host === null) return null;
  f.took();
  trimNow(f.world, host, f.random.next());
  return nothing;
};

/** What a store's retention does from time to time: it wants the oldest share of each log gone. */
export function trimNow(_world: World, host: NodeHost, share: number): void {
  const slots = [...host.disk.content.slots.values()].filter((s) => s.log.length > 0);
  const tops = (part: number): LogTop[] =>
    slots.map((s) => ({ slot: s.slot, seq: (s.start.seq + Math.ceil(s.log.length * part)) as Seq }));
  // Now and then there is so much that a joiner is waited for no longer.
  host.trim(tops(share), share > 0.7 ? tops(share - 0.2) : []);
}
