/**
 * Strangers at the coordinators' state store: it is lost, brought back as it was some time ago, or edited. Coordinators must
 * notice by what nodes report, do nothing, and wait for an operator (R43); the operator of a simulated cluster is here too.
 */
import { readState, writeState } from '../../protocol/coordinator/stored.ts';
import { type NodeName, nodeName, reign, type Slot, type StoreId, storeId } from '../../protocol/words.ts';
import type { CoordinatorHost } from '../world/coordinator-host.ts';
import { savedState } from '../world/saved-state.ts';
import type { World } from '../world/world.ts';
import type { FaultContext, Inject } from './context.ts';

const lookMs = 700;

export const statelost: Inject = (f) => tampered(f, () => null);

export const stateold: Inject = (f) => tampered(f, () => f.random.pick(f.world.store.saved));

/** Not a state, half a state, one that was edited by hand, or the whole one of another cluster. */
export const stateforeign: Inject = (f) =>
  tampered(f, (text) =>
    f.random.pick([
      text.slice(0, f.random.int(text.length)),
      text.replace('"revision":', '"revision":1'),
      f.random.pick(['', '{}', 'null', '[]', '"state"', '{"format":1}', '{"format":2}', '{"format":3}']),
      ofAnotherCluster(text),
    ]),
  );

const otherCluster = 'cluster-of-somebody-else';

/** Its nodes have the names and numbers that nodes have everywhere; stores and leaderships are its own. */
function ofAnotherCluster(text: string): string {
  const found = readState(text);
  if (!found.ok) return '';
  const { value } = found;
  const its = <T extends { readonly store: StoreId }>(x: T): T => ({
    ...x,
    store: storeId(`other ${x.store}`),
  });
  return writeState({
    ...value,
    clusterId: otherCluster,
    reigns: value.reigns.map((r) => ({ ...r, id: reign(r.id + 1) })),
    nodes: value.nodes.map(its),
    chains: value.chains.map((c) => ({
      ...c,
      members: c.members.map(its),
      joiner: c.joiner === null ? null : its(c.joiner),
    })),
  });
}

export const leaseforeign: Inject = (f) => {
  const { store } = f.world;
  const text = store.peek('lease');
  if (text === null) return null;
  store.tamper(
    'lease',
    f.random.pick([null, '', 'null', '{}', '{"holder":7}', text.slice(0, f.random.int(text.length))]),
  );
  f.took();
  return () => callOperator(f.world);
};

function tampered(f: FaultContext, change: (text: string) => string | null): (() => void) | null {
  const { store } = f.world;
  const text = store.peek('state');
  // An unreadable object would have nothing left to break; a cluster that did not begin has nothing to lose.
  if (text === null || text !== store.decided || !hasBegun(f.world)) return null;
  store.tamper('state', change(text));
  // Both objects lie in one namespace, and mostly go together.
  if (f.random.chance(0.3)) store.tamper('lease', null);
  f.took();
  const { world } = f;
  world.schedule.after(f.random.between(0, f.lasts), () => callOperator(world));
  return () => callOperator(world);
}

/** Some node knows a chain. */
const hasBegun = (world: World): boolean =>
  unheldSlots(world).length < (savedState(world.store)?.chains.length ?? 0);

/** Slots that no disk knows: where a node was emptied, the operator gives them up by number. */
function unheldSlots({ nodes, store }: World): Slot[] {
  const slots = (savedState(store)?.chains ?? []).map((c) => c.slot);
  const isHeld = (slot: Slot): boolean =>
    nodes.some(({ disk }) => (disk.content.slots.get(slot)?.assignment ?? null) !== null);
  return slots.filter((slot) => !isHeld(slot));
}

const called = new WeakSet<World>();

/** From now on somebody looks after the coordinators, and gives the one command that ends a lost state. */
function callOperator(world: World): void {
  if (called.has(world)) return;
  called.add(world);
  /** Nodes for whose sake it was refused, and the sentence. */
  const refused = new Map<NodeName, string>();
  const look = (): void => {
    for (const { host } of world.coordinators) if (host?.loop.alive === true) mend(world, host, refused);
    emptyStrayed(world);
    world.schedule.after(lookMs, look);
  };
  look();
}

function mend(world: World, host: CoordinatorHost, refused: Map<NodeName, string>): void {
  const { trouble } = host.view();
  if (trouble === null) return;
  if (trouble.reason === 'LeaseUnreadable') return world.store.tamper('lease', null);
  const giveUp = [...refused].filter(([node, why]) => why.includes('has lost') || isGone(world, node));
  host.command(
    {
      kind: 'recover',
      clusterId: trouble.clusterId,
      giveUp: giveUp.map(([node]) => node),
      giveUpSlots: unheldSlots(world),
    },
    (ok, message) => {
      if (ok) {
        refused.clear();
        // An old state may say that a node is being emptied, which is over long since.
        for (const { name } of world.nodes) world.order({ kind: 'undrain', node: name });
        return;
      }
      const missing = /^(\S+), member of slot/.exec(message)?.[1];
      if (missing !== undefined) refused.set(nodeName(missing), message);
    },
  );
}

/** A blank node that the state of another cluster took in belongs there: as its refusal says, it gets an empty disk. */
function emptyStrayed(world: World): void {
  if (world.leader()?.view().clusterId === otherCluster) return;
  for (const seat of world.nodes) {
    if (seat.host === null || seat.disk.content.identity.clusterId !== otherCluster) continue;
    world.endNode(seat, false);
    world.format(seat);
    world.startNode(seat);
  }
}

/** Its disk holds nothing that the coordinators knew: what it held will not come back. */
function isGone(world: World, node: NodeName): boolean {
  const disk = world.nodes.find((n) => n.name === node)?.disk;
  const chains = savedState(world.store)?.chains ?? [];
  const isKnown = chains.some((c) => c.members.some((m) => m.node === node && m.store === disk?.id));
  return !isKnown || disk?.content.identity.clusterId === '';
}
