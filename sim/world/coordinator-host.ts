/** Drives one core of a coordinator: its links, the state store, its clock, its event loop. */
import type {
  CoordinatorCommand,
  CoordinatorConfig,
  CoordinatorEvent,
  CoordinatorView,
  CreateCoordinatorCore,
  Desired,
  Now,
} from '../../protocol/coordinator/contract.ts';
import { inspect } from '../../protocol/coordinator/inspect.ts';
import { noIncarnation } from '../../protocol/words.ts';
import type { Clock } from './clock.ts';
import { describeMessage } from './describe.ts';
import type { Frame } from './flow.ts';
import { createLoop, type Loop } from './loop.ts';
import type { Link, Port } from './network.ts';
import type { HostWorld } from './node-host.ts';
import type { StateStore } from './state-store.ts';

export interface CoordinatorHost {
  readonly name: string;
  readonly clock: Clock;
  readonly loop: Loop<CoordinatorEvent>;
  readonly port: Port;
  /** Whether it leads, as far as it knows. */
  leads(): boolean;
  view(): CoordinatorView;
  /** Calls back when the order is answered; never, when the coordinator is gone before. */
  command(command: CoordinatorCommand, answered: (ok: boolean, message: string) => void): void;
  want(desired: Desired): void;
  resign(): void;
  kill(quiet: boolean): void;
}

/** As in production (coordinator/host.ts). */
const tickMs = 50;

export interface CoordinatorHostOptions {
  readonly config: CoordinatorConfig;
  readonly process: number;
  readonly machine: number;
}

export function createCoordinatorHost(
  world: HostWorld,
  options: CoordinatorHostOptions,
  parts: {
    clock: Clock;
    store: StateStore;
    createCore: CreateCoordinatorCore;
    broke: (name: string, error: Error) => void;
  },
): CoordinatorHost {
  const { schedule, network, trace } = world;
  const { clock, store } = parts;
  const { config } = options;
  const now = (): Now => ({ mono: clock.mono(), wall: clock.wall() });
  const core = parts.createCore(config, now());
  const links = new Map<string, Link>();
  const orders = new Map<number, (ok: boolean, message: string) => void>();
  let tickQueued = false;
  let tag = 0;

  const loop = createLoop<CoordinatorEvent>(schedule, world.random.fork(), (events) => {
    try {
      for (const event of events) {
        if (event.kind === 'tick') tickQueued = false;
        core.handle(event, now());
      }
      carryOut();
    } catch (error) {
      parts.broke(config.name, error as Error);
      kill(false);
    }
  });

  const nameOf = (link: Link): string => `${link.dialer.name}#${link.id}`;

  const port: Port = {
    name: config.name,
    machine: options.machine,
    alive: () => loop.alive,
    responsive: () => loop.alive && !loop.frozen,
    opened: (link) => void links.set(nameOf(link), link),
    closed(link) {
      links.delete(nameOf(link));
      loop.deliver({ kind: 'linkDown', link: nameOf(link) });
    },
    received,
  };

  function received(link: Link, frame: Frame): void {
    for (const message of frame.messages) {
      trace.note(
        'hear',
        options.process,
        link.dialer.machine,
        -1,
        () => `${config.name} <- ${link.dialer.name} ${describeMessage(message)}`,
      );
      if (
        message.kind === 'register' ||
        message.kind === 'holdings' ||
        message.kind === 'heartbeat' ||
        message.kind === 'goodbye' ||
        message.kind === 'askRoutes'
      )
        loop.deliver({ kind: 'node', link: nameOf(link), message });
      else throw new Error(`a coordinator is never sent ${message.kind}`);
    }
  }

  function carryOut(): void {
    const effects = core.drain();
    for (const { link, message } of effects.sends) {
      const open = links.get(link);
      if (open !== undefined) network.send(open, port, { incarnation: noIncarnation, messages: [message] });
    }
    for (const call of effects.stores) {
      trace.note(
        'store',
        options.process,
        call.id,
        -1,
        () =>
          `${config.name} ${call.op} ${call.object}${call.op === 'write' ? ` over ${call.expect}: ${call.value}` : ''}`,
      );
      store.call(config.name, call, (outcome) => {
        if (!loop.alive) return;
        trace.note(
          'stored',
          options.process,
          call.id,
          -1,
          () => `${config.name} ${call.op} ${call.object}: ${outcome.kind}`,
        );
        loop.deliver({ kind: 'stored', id: call.id, outcome });
      });
    }
    for (const { name, fields } of effects.notices)
      trace.note(
        'notice',
        options.process,
        0,
        typeof fields.slot === 'number' ? fields.slot : -1,
        () => `${config.name} ${name} ${JSON.stringify(fields)}`,
      );
    for (const { tag: answered, ok, message } of effects.replies) {
      trace.note('command', options.process, ok ? 1 : 0, -1, () => `${config.name} ${message}`);
      orders.get(answered)?.(ok, message);
      orders.delete(answered);
    }
  }

  function tick(): void {
    if (!loop.alive) return;
    if (!tickQueued) {
      tickQueued = true;
      loop.deliver({ kind: 'tick' });
    }
    schedule.after(clock.realTime(tickMs), tick);
  }

  function kill(quiet: boolean): void {
    if (!loop.alive) return;
    loop.kill();
    network.gone(port, quiet);
  }

  network.listen(config.address, port);
  schedule.after(world.random.next() * tickMs, tick);
  return {
    name: config.name,
    clock,
    loop,
    port,
    leads() {
      const { leading, leaderUntil } = inspect(core);
      return leading.at === 'leader' && clock.mono() < leaderUntil;
    },
    view: () => core.view(now()),
    command(command, answered) {
      tag++;
      orders.set(tag, answered);
      loop.deliver({ kind: 'command', tag, command });
    },
    want: (desired) => loop.deliver({ kind: 'desired', desired }),
    resign: () => loop.deliver({ kind: 'resign' }),
    kill,
  };
}
