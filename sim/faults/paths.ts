/** Faults of the network. */
import type { FaultContext, Inject, Undo } from './context.ts';

type Pair = readonly [from: number, to: number];

/** Cuts each of these one-way paths that is not cut yet. */
function cutAll(f: FaultContext, pairs: readonly Pair[]): Undo {
  const { network } = f.world;
  const cut = pairs.filter(([from, to]) => from !== to && !network.isCut(from, to));
  if (cut.length === 0) return null;
  for (const [from, to] of cut) network.cut(from, to);
  f.took();
  return () => {
    for (const [from, to] of cut) network.mend(from, to);
  };
}

const both = (a: readonly number[], b: readonly number[]): Pair[] =>
  a.flatMap((x) =>
    b.flatMap((y): Pair[] => [
      [x, y],
      [y, x],
    ]),
  );

const machinesOf = (f: FaultContext): { nodes: number[]; coordinators: number[]; clients: number[] } => ({
  nodes: f.world.nodes.map((n) => n.machine),
  coordinators: f.world.coordinators.map((c) => c.machine),
  clients: f.world.clients.map((c) => c.machine),
});

/** One machine from everybody, one pair, one half from the other, or a node from all clients. */
function split(f: FaultContext): [number[], number[]] {
  const { nodes, coordinators, clients } = machinesOf(f);
  const one = f.random.pick(nodes);
  const others = nodes.filter((n) => n !== one);
  switch (f.random.int(5)) {
    case 0:
      return [[one], [...others, ...coordinators, ...clients]];
    case 1:
      return [[one], [...others, ...coordinators]];
    case 2:
      return [[one], [f.random.pick(others)]];
    case 3:
      return [[one], clients];
    default: {
      const side = nodes.filter(() => f.random.chance(0.5));
      const rest = [...nodes, ...coordinators].filter((m) => !side.includes(m));
      return [side, rest];
    }
  }
}

export const cut: Inject = (f) => cutAll(f, both(...split(f)));

export const oneway: Inject = (f) => {
  const [a, b] = split(f);
  const pairs = both(a, b).filter(([from]) => a.includes(from));
  return cutAll(f, f.random.chance(0.5) ? pairs : pairs.map(([from, to]): Pair => [to, from]));
};

export const halfopen: Inject = (f) => {
  const { network } = f.world;
  network.setNotice(f.random.between(3000, 15_000));
  const undo = f.random.chance(0.5) ? cut(f) : oneway(f);
  return () => {
    network.setNotice(f.world.plan.network.noticeMs);
    undo?.();
  };
};

/** Breaks open connections between two machines, once or again and again. */
export const reset: Inject = (f) => {
  const { nodes, coordinators, clients } = machinesOf(f);
  const a = f.random.pick(nodes);
  const b = f.random.pick([...nodes, ...nodes, ...coordinators, ...clients].filter((m) => m !== a));
  f.took();
  f.world.network.reset(a, b);
  let over = f.random.chance(0.5);
  const again = (): void => {
    if (over) return;
    f.world.network.reset(a, b);
    f.world.schedule.after(f.random.between(20, 400), again);
  };
  f.world.schedule.after(f.random.between(20, 400), again);
  return () => {
    over = true;
  };
};

export const slowpath: Inject = (f) => {
  const { nodes, coordinators } = machinesOf(f);
  const from = f.random.pick([...nodes, ...coordinators]);
  const to = f.random.pick([...nodes, ...coordinators].filter((m) => m !== from));
  f.took();
  f.world.network.slow(from, to, f.random.pick([10, 100, 500, 2000]));
  return () => f.world.network.slow(from, to, 0);
};

/** Little fits through: large frames take long, and queues grow. */
export const narrow: Inject = (f) => {
  const { nodes, coordinators } = machinesOf(f);
  const from = f.random.pick(nodes);
  const others = [...nodes, ...coordinators].filter((m) => m !== from);
  const to = f.random.chance(0.5) ? others : [f.random.pick(others)];
  const bytesPerMs = f.random.pick([500, 50, 5]);
  f.took();
  for (const m of to) f.world.network.narrow(from, m, bytesPerMs);
  return () => {
    for (const m of to) f.world.network.narrow(from, m, Number.POSITIVE_INFINITY);
  };
};

export const uncoordinated: Inject = (f) => {
  const { nodes, coordinators } = machinesOf(f);
  const some = f.random.chance(0.3) ? nodes : [f.random.pick(nodes)];
  return cutAll(f, both(some, coordinators));
};
