/** A cluster in one thread: storage nodes, coordinators, clients, their machines, and the network between them. */
import type {
  CoordinatorCommand,
  CreateCoordinatorCore,
  Desired,
} from '../../protocol/coordinator/contract.ts';
import { clientId, type NodeName, nodeName } from '../../protocol/words.ts';
import type { HistoryRecord } from '../checker/history.ts';
import type { Plan } from '../plan.ts';
import { createRandom, type Random, streamOf } from '../random.ts';
import { type Client, createClients } from './client.ts';
import { type Clock, createClock } from './clock.ts';
import { createContent } from './content.ts';
import { type CoordinatorHost, createCoordinatorHost } from './coordinator-host.ts';
import { createDisk, type Disk } from './disk.ts';
import { createLister, type Lister } from './lister.ts';
import { createNetwork, type Network } from './network.ts';
import { createNodeHost, type HostWorld, type NodeHost, type NodeObserver } from './node-host.ts';
import { createSchedule, type Schedule } from './schedule.ts';
import { createStateStore, type StateStore } from './state-store.ts';
import { createTrace, type Trace } from './trace.ts';

/** The place of a storage node: its machine stays while processes and disks come and go. */
export interface NodeSeat {
  readonly name: NodeName;
  readonly machine: number;
  readonly clock: Clock;
  disk: Disk;
  host: NodeHost | null;
  /** Numbers the disks that it had. */
  formats: number;
  /** Rises with every boot of its machine, and when its volume moves to another one. */
  boot: number;
}

export interface CoordinatorSeat {
  readonly name: string;
  readonly machine: number;
  readonly clock: Clock;
  host: CoordinatorHost | null;
}

/** What a world tells those who watch it. */
export interface WorldObserver extends NodeObserver {
  /** Something that a fault caused took place. */
  effect(what: string): void;
  started(host: NodeHost): void;
  ended(host: NodeHost): void;
  coordinatorBroke(name: string, error: Error): void;
  /** A coordinator saved its state, in a run in which a stranger changed the object before. */
  saved(by: string, before: string | null, after: string): void;
}

export interface World extends HostWorld {
  readonly plan: Plan;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly network: Network;
  readonly trace: Trace;
  readonly store: StateStore;
  readonly nodes: readonly NodeSeat[];
  readonly coordinators: readonly CoordinatorSeat[];
  readonly clients: readonly Client[];
  /** Goes through slots page by page; null = nobody exports in this run. */
  readonly lister: Lister | null;
  /** A client of its own for the last words of a run: it goes where it is told. */
  readonly closer: Client;
  readonly history: HistoryRecord[];
  /** Requests of the writes in the history, as ledgers name them. */
  readonly requests: ReadonlyMap<HistoryRecord, string>;
  desired: Desired;
  /** The new process holds the store's lock; it says so when that proves that the registered process is over. */
  startNode(seat: NodeSeat): NodeHost;
  /** The next process of the node runs on a machine that did not run the last one, or was booted since. */
  reboot(seat: NodeSeat): void;
  endNode(seat: NodeSeat, quiet: boolean): void;
  /** Processes whose volume was taken from them and that still run. */
  readonly zombies: NodeHost[];
  buryZombie(host: NodeHost): void;
  /** A new, empty disk in the place of the old one. */
  format(seat: NodeSeat): void;
  startCoordinator(seat: CoordinatorSeat): void;
  endCoordinator(seat: CoordinatorSeat, quiet: boolean): void;
  /** The coordinator that leads as far as it knows. */
  leader(): CoordinatorHost | undefined;
  /** Gives an order to whoever leads, again and again until it is carried out. */
  order(command: CoordinatorCommand): void;
}

export interface WorldOptions {
  readonly plan: Plan;
  readonly observer: WorldObserver;
  readonly trace: boolean;
  readonly createCoordinatorCore: CreateCoordinatorCore;
}

export function createWorld({ plan, observer, trace: wanted, createCoordinatorCore }: WorldOptions): World {
  const random = createRandom(plan.seed);
  const schedule = createSchedule();
  const trace = createTrace(schedule, wanted);
  const network = createNetwork(
    { schedule, random: random.fork(), tell: (e) => observer.effect(e) },
    plan.network,
  );
  const store = createStateStore(
    schedule,
    random.fork(),
    (e) => observer.effect(e),
    (by, before, after) => observer.saved(by, before, after),
  );
  const hostWorld: HostWorld = { schedule, random: random.fork(), network, trace };
  const history: HistoryRecord[] = [];
  const requests = new Map<HistoryRecord, string>();
  const zombies: NodeHost[] = [];
  let machine = 0;
  let process = 0;
  let person = 0;
  let boots = 0;

  const newClock = (): Clock => {
    const { clockRate } = plan.timings;
    const rate = 1 + random.between(-clockRate, clockRate);
    return createClock(schedule, {
      rate,
      start: random.between(0, 1e7),
      wallOffset: random.between(-1, 1) * Math.min(2000, plan.timings.dedupeHorizonMs / 40),
    });
  };
  const newDisk = (id: string): Disk => createDisk(schedule, random.fork(), id, plan.disk, createContent());

  const nodes: NodeSeat[] = Array.from({ length: plan.nodes }, (_, i) => ({
    name: nodeName(`n${i}`),
    machine: machine++,
    clock: newClock(),
    disk: newDisk(`store-n${i}-0`),
    host: null,
    formats: 0,
    boot: 0,
  }));
  const coordinators: CoordinatorSeat[] = Array.from({ length: plan.coordinators }, (_, i) => ({
    name: `c${i}`,
    machine: machine++,
    clock: newClock(),
    host: null,
  }));
  const desired: Desired = {
    slots: plan.slots,
    replicationFactor: plan.replicationFactor,
    nodes: plan.nodes,
    drain: [],
    timings: plan.timings,
    begun: false,
    osRestart: plan.osRestart,
    concurrentMoves: plan.concurrentMoves,
  };
  const clients: Client[] = [];
  while (clients.length < plan.clients) {
    const pinned = clients.length < 2 || random.chance(plan.pinned ?? 0.3);
    const callers = Math.min(1 + random.int(3), plan.clients - clients.length);
    clients.push(...newClients(`k${clients.length}`, pinned ? random.pick(nodes).name : null, callers));
  }

  function newClients(name: string, pinned: NodeName | null, callers: number): Client[] {
    return createClients(
      hostWorld,
      {
        name,
        machine: machine++,
        slots: plan.slots,
        nodes: nodes.map((n) => n.name),
        pinned,
        pinnedWrites: plan.pinnedWrites === true,
        workload: plan.workload,
        patienceMs: name === 'closer' ? 10_000 : plan.patienceMs,
        dedupeHorizonMs: plan.timings.dedupeHorizonMs,
        callers,
        nextPerson: () => ++person,
      },
      (entry, request) => {
        history.push(entry);
        requests.set(entry, request);
      },
    );
  }

  function newLister(everyMs: number): Lister {
    const names = nodes.map((n) => n.name);
    const options = { machine: machine++, slots: plan.slots, nodes: names, everyMs };
    return createLister(hostWorld, streamOf(plan.seed, 'lister'), options);
  }

  function startNode(seat: NodeSeat): NodeHost {
    process++;
    seat.disk.mount(seat.boot);
    const lockProof = seat.disk.content.registeredOn === seat.boot;
    const host = createNodeHost(
      hostWorld,
      {
        config: {
          name: seat.name,
          place: {
            address: seat.name,
            grpc: '',
            admin: '',
            zone: `z${seat.machine % 3}`,
            host: seat.name,
            weight: 1,
          },
          slots: plan.slots,
          timings: plan.timings,
          limits: plan.limits,
          coordinators: coordinators.map((c) => c.name),
          ownClient: clientId(2 ** 45 + process),
          lockProof,
          // Where records rot, they are looked for: often, for runs are short.
          ...(plan.faults.includes('rot') ? { scrub: { everyMs: 3000, bytesPerSecond: 1e9 } } : {}),
        },
        process,
        machine: seat.machine,
        tickMs: plan.tickMs,
      },
      { disk: seat.disk, clock: seat.clock, observer },
    );
    seat.host = host;
    trace.note(
      'start',
      process,
      seat.machine,
      -1,
      () => `${seat.name} process ${process}${lockProof ? ' with lock proof' : ''}`,
    );
    observer.started(host);
    return host;
  }

  function endNode(seat: NodeSeat, quiet: boolean): void {
    const { host } = seat;
    if (host === null) return;
    trace.note(
      'end',
      host.process,
      seat.machine,
      -1,
      () => `${seat.name} process ${host.process}${quiet ? ', unnoticed' : ''}`,
    );
    host.kill(quiet);
    seat.host = null;
    observer.ended(host);
  }

  function startCoordinator(seat: CoordinatorSeat): void {
    process++;
    trace.note('start', process, seat.machine, -1, () => `${seat.name} process ${process}`);
    seat.host = createCoordinatorHost(
      hostWorld,
      {
        config: {
          name: seat.name,
          address: seat.name,
          process: process * 1_000_000,
          objects: { lease: 'the lease', state: 'the state' },
          newClusterId: `cluster-${plan.seed}-${process}`,
          desired: world.desired,
        },
        process,
        machine: seat.machine,
      },
      { clock: seat.clock, store, createCore: createCoordinatorCore, broke: observer.coordinatorBroke },
    );
  }

  function order(command: CoordinatorCommand): void {
    let carriedOut = false;
    world.leader()?.command(command, (ok) => {
      carriedOut ||= ok;
    });
    schedule.after(500, () => {
      if (!carriedOut) order(command);
    });
  }

  const world: World = {
    order,
    ...hostWorld,
    plan,
    random,
    store,
    nodes,
    coordinators,
    clients,
    closer: newClients('closer', null, 1)[0] as Client,
    lister: plan.listEveryMs === 0 ? null : newLister(plan.listEveryMs),
    history,
    requests,
    desired,
    startNode,
    reboot(seat) {
      boots++;
      seat.boot = boots;
    },
    endNode,
    zombies,
    buryZombie(host) {
      const at = zombies.indexOf(host);
      if (at < 0) return;
      zombies.splice(at, 1);
      host.kill(true);
      observer.ended(host);
    },
    format(seat) {
      seat.formats++;
      seat.disk = newDisk(`store-${seat.name}-${seat.formats}`);
    },
    startCoordinator,
    endCoordinator(seat, quiet) {
      trace.note('end', 0, seat.machine, -1, () => `${seat.name}${quiet ? ', unnoticed' : ''}`);
      seat.host?.kill(quiet);
      seat.host = null;
    },
    leader: () =>
      coordinators.flatMap(({ host }) =>
        host?.loop.alive && !host.loop.frozen && host.leads() ? [host] : [],
      )[0],
  };
  return world;
}
