/** Faults of coordinators and of their state store, and orders of operators. */
import type { CoordinatorSeat, World } from '../world/world.ts';
import type { FaultContext, Inject, Undo } from './context.ts';

/** Mostly the one that leads: the others have little to break. */
function pickSeat(f: FaultContext): CoordinatorSeat | null {
  const running = f.world.coordinators.filter((c) => c.host !== null);
  if (running.length === 0) return null;
  const leader = f.world.leader();
  const leading = running.find((c) => c.host === leader);
  return leading !== undefined && f.random.chance(0.75) ? leading : f.random.pick(running);
}

const restart = (world: World, seat: CoordinatorSeat) => (): void => {
  if (seat.host === null) world.startCoordinator(seat);
};

export const coordcrash: Inject = (f) => {
  const seat = pickSeat(f);
  if (seat === null) return null;
  f.took();
  f.world.endCoordinator(seat, f.random.chance(0.5));
  return restart(f.world, seat);
};

export const coordfreeze: Inject = (f) => standStill(f, false);
export const coordsuspend: Inject = (f) => standStill(f, true);

function standStill(f: FaultContext, asleep: boolean): Undo {
  const host = pickSeat(f)?.host ?? null;
  if (host === null || host.loop.frozen) return null;
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

export const resign: Inject = (f) => {
  const seat = pickSeat(f);
  const host = seat?.host ?? null;
  if (seat === null || host === null) return null;
  f.took();
  host.resign();
  return () => {
    if (seat.host === host) f.world.endCoordinator(seat, false);
    restart(f.world, seat)();
  };
};

export const outage: Inject = (f) => {
  f.took();
  if (f.random.chance(0.5)) f.world.store.close();
  else f.world.store.close(f.random.pick(f.world.coordinators).name);
  return () => f.world.store.open();
};

export const unknown: Inject = (f) => {
  f.took();
  f.world.store.setUnknown(f.random.pick([0.1, 0.3, 0.6]));
  return () => f.world.store.setUnknown(0);
};

export const drain: Inject = (f) => {
  const leader = f.world.leader();
  if (leader === undefined) return null;
  const { name } = f.random.pick(f.world.nodes);
  f.took();
  leader.command({ kind: 'drain', node: name }, () => {});
  return () => f.world.order({ kind: 'undrain', node: name });
};

/** Shorter or longer read leases are wanted, and wanted back later. */
export const retune: Inject = (f) => {
  const { world } = f;
  const before = world.desired;
  const readLeaseMs = world.plan.timings.readLeaseMs * f.random.pick([0.5, 2, 3]);
  const want = (desired: typeof before): void => {
    world.desired = desired;
    for (const { host } of world.coordinators) host?.want(desired);
  };
  f.took();
  want({ ...before, timings: { ...before.timings, readLeaseMs } });
  return () =>
    want({
      ...world.desired,
      timings: { ...world.desired.timings, readLeaseMs: world.plan.timings.readLeaseMs },
    });
};
