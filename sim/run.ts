/** One seed from its first event to its verdict. */
import { createCoordinatorCore } from '../protocol/coordinator/coordinator.ts';
import { inspect } from '../protocol/node/inspect.ts';
import { slotOf } from '../protocol/slots.ts';
import { key, type Slot } from '../protocol/words.ts';
import { checkHistory } from './checker/check.ts';
import { describe } from './checker/describe.ts';
import type { HistoryRecord } from './checker/history.ts';
import { readsOf, wrongIn } from './checker/pages.ts';
import { createFaults, type Faults, type SideEffect } from './faults/generator.ts';
import { trimNow } from './faults/processes.ts';
import { goesOnFromOlder } from './faults/set-back.ts';
import { createInvariants, type Invariants, type Violation } from './invariants/invariants.ts';
import type { Plan } from './plan.ts';
import { restartEverything, type Steps, settle } from './settle.ts';
import { limitOfFlight, limitOfMessage, limitOfNotice, limitOfReply, type TightLimit } from './tight.ts';
import { type EntryOf, tellUnknown } from './told.ts';
import { savedState } from './world/saved-state.ts';
import { sizeOf } from './world/sizes.ts';
import type { TraceLine } from './world/trace.ts';
import { createWorld, type World } from './world/world.ts';

export interface RunResult {
  readonly seed: number;
  readonly violation: Violation | null;
  /** Why the run could not end as it should, for a reason that no store can help; '' = it ended well. */
  readonly excuse: string;
  /** Operations of clients that were answered, and that were not. */
  readonly operations: number;
  readonly answered: number;
  readonly virtualMs: number;
  readonly events: number;
  /** How often each class of faults took effect while an operation was under way. */
  readonly effective: ReadonlyMap<string, number>;
  /** Pairs of faults that met, and of faults and what the cluster was at. */
  readonly pairs: ReadonlySet<string>;
  readonly hash: string;
  readonly lines: readonly TraceLine[];
}

export interface RunOptions {
  readonly trace?: boolean;
  /** Every how many keys the checker also searches by values alone; 0 = none. */
  readonly searchEvery?: number;
  /** Looks at the world as it is when the run ends. */
  readonly atEnd?: (world: World, invariants: Invariants) => void;
}

/** More events than any run needs: beyond it something goes round in circles. */
const eventsMax = 20_000_000;

export function run(plan: Plan, options: RunOptions = {}): RunResult {
  const holder: { faults: Faults | null; world: World | null; excuse: string } = {
    faults: null,
    world: null,
    excuse: '',
  };
  const invariants = createInvariants(plan.slots, () =>
    holder.world === null ? null : savedState(holder.world.store),
  );
  const reached = (limit: TightLimit | null): void => {
    if (limit !== null) holder.faults?.noteEffect(`limit ${limit}`);
  };
  const world = createWorld({
    plan,
    trace: options.trace ?? false,
    createCoordinatorCore,
    observer: {
      turned: invariants.turned,
      replied(host, request, reply) {
        invariants.replied(host, request, reply);
        reached(limitOfReply(reply, plan.limits));
      },
      sent(host, message) {
        const bytes = sizeOf(message);
        if (bytes > plan.limits.frameBytes)
          invariants.fail(
            'R45',
            -1,
            `${host.name} sends a ${message.kind} of ${bytes} bytes, a frame holds ${plan.limits.frameBytes}`,
          );
        reached(limitOfMessage(message, plan.limits));
        if (message.kind === 'append')
          reached(limitOfFlight(inspect(host.core).replicas.get(message.slot), plan.limits));
      },
      written: invariants.written,
      notice(host, name, { slot }) {
        reached(limitOfNotice(name));
        // No fault of a run makes a store forget a write that it reported as done.
        if (differs.has(name)) invariants.fail('10.8', (slot ?? -1) as Slot, `${host.name} says ${name}`);
        if (name !== 'record.nowhere') return;
        // What a write makes of it is right by the words of 10.2, and by nothing that was promised before. Faults damage one
        // disk at a time, so it is true of a chain of one only.
        const members = inspect(host.core).replicas.get(slot as Slot)?.assignment?.members ?? [];
        if (members.length === 1) holder.excuse ||= `every copy of a record is damaged, says ${host.name}`;
        else
          invariants.fail(
            '10.2',
            slot as Slot,
            `${host.name} says that no member has a copy, and ${members.length} hold the slot`,
          );
      },
      broke: (host, error) => invariants.fail('core', -1, `${host.name}: ${error.stack ?? error.message}`),
      coordinatorBroke: (name, error) =>
        invariants.fail('core', -1, `${name}: ${error.stack ?? error.message}`),
      saved: (by, before, after) => {
        if (holder.world !== null) holder.excuse ||= goesOnFromOlder(holder.world, by, before, after);
      },
      effect: (what) => holder.faults?.noteEffect(`message ${what as SideEffect}`),
      started: invariants.started,
      ended() {},
    },
  });
  holder.world = world;
  const faults = createFaults(world, world.random.fork(), invariants);
  holder.faults = faults;
  const { events, excuse } = play(world, invariants, faults, () => holder.excuse);
  if (invariants.violations.length === 0) check(world, invariants, options.searchEvery ?? 4);
  options.atEnd?.(world, invariants);
  const { history } = world;
  return {
    seed: plan.seed,
    violation: invariants.violations[0] ?? null,
    excuse,
    operations: history.length,
    answered: history.filter((r) => r.result.kind === 'ok' || r.result.kind === 'refused').length,
    virtualMs: world.schedule.now,
    events,
    effective: new Map([...faults.effective, ...metOf(world)]),
    pairs: faults.pairs,
    hash: world.trace.hash,
    lines: world.trace.lines,
  };
}

/** What the run had besides faults, and how much of it. */
function metOf({ lister }: World): [string, number][] {
  const pages = lister?.pages.length ?? 0;
  return pages === 0 ? [] : [['world page given', pages]];
}

/** The three acts: the cluster begins, works under faults, and becomes whole again. */
function play(
  world: World,
  invariants: Invariants,
  faults: Faults,
  beyondHelp: () => string,
): { events: number; excuse: string } {
  const { plan, schedule } = world;
  let events = 0;
  const steps: Steps = {
    until(holds, ms, everyMs = 20) {
      const end = schedule.now + ms;
      let look = 0;
      for (;;) {
        if (invariants.violations.length > 0 || beyondHelp() !== '') return false;
        if (schedule.now >= look) {
          if (holds()) return true;
          look = schedule.now + everyMs;
        }
        if (schedule.now >= end || !schedule.step()) return holds();
        events++;
        if (events > eventsMax) throw new Error(`seed ${plan.seed} has more than ${eventsMax} events`);
      }
    },
  };
  begin(world, plan);
  const over = (): { events: number; excuse: string } => ({ events, excuse: beyondHelp() });
  const opens = (): boolean => (world.leader()?.view().chains.length ?? 0) > 0;
  steps.until(opens, 60_000);
  faults.begin();
  const clients = keepBusy(world, plan, faults);
  steps.until(() => clients.done(), plan.durationMs);
  if (clients.lingers()) steps.until(() => clients.done(), lingerMs);
  clients.stop();
  world.lister?.stop();
  if (beyondHelp() !== '') return over();
  faults.heal();
  restartEverything(world);
  steps.until(() => world.clients.every((c) => !c.busy), 3 * plan.patienceMs);
  if (beyondHelp() !== '') return over();
  const excuse = invariants.violations.length === 0 ? settle(world, invariants, steps) : '';
  return { events, excuse: excuse || beyondHelp() };
}

function begin(world: World, plan: Plan): void {
  for (const seat of world.coordinators)
    world.schedule.after(world.random.between(0, 500), () => world.startCoordinator(seat));
  for (const seat of world.nodes)
    world.schedule.after(world.random.between(0, 1000), () => world.startNode(seat));
  if (plan.trimEveryMs > 0) keepTrimming(world, plan);
  if (plan.disk.durability === 'os') keepFlushing(world);
}

function keepTrimming(world: World, plan: Plan): void {
  world.schedule.after(world.random.wait(plan.trimEveryMs), () => {
    const hosts = world.nodes.flatMap((n) => n.host ?? []);
    if (hosts.length > 0) trimNow(world, world.random.pick(hosts), world.random.next());
    keepTrimming(world, plan);
  });
}

function keepFlushing(world: World): void {
  world.schedule.after(world.random.between(50, 2000), () => {
    world.random.pick(world.nodes).disk.flush();
    keepFlushing(world);
  });
}

/** A run goes on, slowly and for so long, until so many faults took effect. */
const faultsWanted = 12;
const lingerThinkMs = 250;
const lingerMs = 120_000;

interface Busy {
  done(): boolean;
  /** Whether operations go on only because too few faults took effect. */
  lingers(): boolean;
  stop(): void;
}

/** Clients do operations until there were enough of them, in bursts and in idle times. */
function keepBusy(world: World, plan: Plan, faults: Faults): Busy {
  let left = plan.operations;
  let lingering = false;
  let stopped = false;
  let idle = false;
  const short = (): boolean => plan.faults.length > 0 && faults.total < faultsWanted;
  const turnTide = (): void => {
    idle = !idle;
    if (!stopped) world.schedule.after(world.random.wait(idle ? 800 : 2000), turnTide);
  };
  turnTide();
  for (const client of world.clients) {
    const next = (): void => {
      if (stopped || left <= 0) return;
      left--;
      if (left === 0 && short()) {
        left++;
        lingering = true;
      }
      const thinkMs = lingering ? lingerThinkMs : plan.thinkMs[idle ? 1 : 0];
      client.next(() => world.schedule.after(world.random.wait(thinkMs), next));
    };
    world.schedule.after(world.random.wait(plan.thinkMs[0]), next);
  }
  return {
    done: () => left <= 0 && world.clients.every((c) => !c.busy),
    lingers: short,
    stop() {
      stopped = true;
    },
  };
}

/** Values are searched too, without positions; where too much is unknown to decide that, the ledgers tell the rest. */
function check(world: World, invariants: Invariants, searchEvery: number): void {
  for (const page of world.lister?.pages ?? []) {
    const wrong = wrongIn(page, invariants.ledgers[page.slot]?.committed ?? []);
    if (wrong !== '') return invariants.fail('I5', page.slot, wrong);
  }
  const listed = readsOf(world.lister?.pages ?? [], world.history, world.plan.slots);
  const first = checkHistory([...world.history, ...listed], { searchEvery });
  const verdict =
    first.ok === 'unknown'
      ? checkHistory([...told(world, invariants), ...listed], { searchEvery: 0 })
      : first;
  if (verdict.ok === true) return;
  const shown = verdict.operations.map((r) => `\n    ${describe(r)}`).join('');
  const slot = slotOf(key(verdict.key), world.plan.slots);
  invariants.fail('I5', slot, `key ${verdict.key}: ${verdict.reason}${shown}`);
}

function told({ plan, history, requests, schedule }: World, { ledgers }: Invariants): HistoryRecord[] {
  const entryOf: EntryOf = (request, of) => {
    const ledger = ledgers[slotOf(key(of), plan.slots)];
    const seq = ledger?.requests.get(request);
    return seq === undefined ? undefined : ledger?.committed[seq - 1];
  };
  return tellUnknown(history, requests, entryOf, schedule.now);
}

/** What a scrub says when members of a chain hold different things. */
const differs: ReadonlySet<string> = new Set([
  'scrub.differs',
  'scrub.outvoted',
  'scrub.undecided',
  'scrub.conflict',
]);
