/**
 * Drives the core of a coordinator: its clock, its state store, the links of nodes and clients, commands. Events go in
 * as they come; what the core wants is carried out once a turn of the event loop.
 */
import { randomInt, randomUUID } from 'node:crypto';
import type { Clock } from '../process/clock.ts';
import type {
  CoordinatorCommand,
  CoordinatorConfig,
  CoordinatorCoreContract,
  CoordinatorEffects,
  CoordinatorEvent,
  CoordinatorView,
  Desired,
  StoredObject,
  StoreOutcome,
} from '../protocol/coordinator/contract.ts';
import { CoordinatorCore } from '../protocol/coordinator/coordinator.ts';
import { InvariantBroken } from '../protocol/errors.ts';
import type { Message } from '../protocol/messages.ts';
import type { Log } from '../transport/log.ts';
import type { Peer, PeerHandler } from '../transport/server.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import type { StateStore } from './state-store/state-store.ts';

export interface CoordinatorHostOptions {
  readonly config: CoordinatorConfig;
  readonly stateStore: StateStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: CoordinatorMetrics;
  /** The core broke an invariant: nothing goes on after it. */
  readonly onFatal: (error: unknown) => void;
}

export interface CommandResult {
  readonly ok: boolean;
  readonly message: string;
}

const tickMs = 50;
/** A call of the state store that takes longer has an unknown outcome. Well below what a lease bears. */
const storePatienceMs = 1500;
/** A saved command is answered when it is saved, which takes as long as there is a leader that can save. */
const commandPatienceMs = 10_000;

export class CoordinatorHost {
  readonly core: CoordinatorCoreContract;
  readonly #options: CoordinatorHostOptions;
  readonly #links = new Map<string, Peer>();
  readonly #commands = new Map<number, (result: CommandResult) => void>();
  readonly #ticker: NodeJS.Timeout;
  #desired: Desired;
  #connections = 0;
  #commandTag = 0;
  #turnDue = false;
  #stopped = false;
  #storeCalls = 0;
  #storeHeardAt: number;
  #stalled = '';

  constructor(options: CoordinatorHostOptions) {
    this.#options = options;
    this.#desired = options.config.desired;
    this.#storeHeardAt = options.clock.now().mono;
    this.core = new CoordinatorCore(options.config, options.clock.now());
    this.#ticker = setInterval(() => this.#handle({ kind: 'tick' }), tickMs);
  }

  /** The handlers of an accepted connection. */
  accept(peer: Peer): PeerHandler {
    this.#connections++;
    const link = `${peer.name === '' ? peer.remote : peer.name}#${this.#connections}`;
    this.#links.set(link, peer);
    return {
      onMessages: (_, messages) => {
        for (const message of messages) this.#take(link, peer, message);
      },
      onClose: () => {
        this.#links.delete(link);
        this.#handle({ kind: 'linkDown', link });
      },
    };
  }

  view(): CoordinatorView {
    return this.core.view(this.#options.clock.now());
  }

  /** Control address that nodes are told when this one leads. */
  get address(): string {
    return this.#options.config.address;
  }

  /** What the manifest wants now. */
  get desired(): Desired {
    return this.#desired;
  }

  /** '' = this coordinator leads or can take over; else what is wrong, and what to do. */
  get trouble(): string {
    if (this.#stopped) return 'this coordinator has stopped';
    return this.#storeTrouble() || (this.view().trouble?.message ?? '');
  }

  #storeTrouble(): string {
    const silentMs = this.#options.clock.now().mono - this.#storeHeardAt;
    const { coordinatorLeaseMs } = this.#desired.timings;
    if (silentMs <= 2 * coordinatorLeaseMs) return '';
    return `the state store has not answered for ${Math.round(silentMs / 1000)} s${this.#stalled === '' ? '' : `: ${this.#stalled}`}`;
  }

  want(desired: Desired): void {
    this.#desired = desired;
    this.#handle({ kind: 'desired', desired });
  }

  /** Resolves when what it orders is saved, or with the reason why it is refused. Never rejects. */
  command(command: CoordinatorCommand): Promise<CommandResult> {
    this.#commandTag++;
    const tag = this.#commandTag;
    return new Promise((resolve) => {
      const impatience = setTimeout(() => {
        this.#commands.delete(tag);
        resolve({
          ok: false,
          message: 'the order was taken but not saved in time; look at the state and repeat it',
        });
      }, commandPatienceMs);
      this.#commands.set(tag, (result) => {
        clearTimeout(impatience);
        resolve(result);
      });
      this.#handle({ kind: 'command', tag, command });
    });
  }

  /** Gives the lease back, so that another coordinator leads at once; resolves when that is written, or after `graceMs`. */
  async resign(graceMs: number): Promise<void> {
    this.#handle({ kind: 'resign' });
    this.#turn();
    const { clock } = this.#options;
    const until = clock.now().mono + graceMs;
    while (this.#storeCalls > 0 && clock.now().mono < until)
      await new Promise((done) => setTimeout(done, 10));
  }

  /** Nothing is handled or sent any more. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#ticker);
    for (const answer of this.#commands.values()) answer({ ok: false, message: 'this coordinator stopped' });
    this.#commands.clear();
  }

  #take(link: string, peer: Peer, message: Message): void {
    const { kind } = message;
    if (kind === 'askRoutes') return this.#handle({ kind: 'node', link, message });
    if (kind !== 'register' && kind !== 'holdings' && kind !== 'heartbeat' && kind !== 'goodbye')
      return peer.close(`a coordinator takes no ${kind}; ask a storage node`);
    if (peer.role !== 'node') return peer.close(`a ${peer.role} may not send ${kind}`);
    this.#options.metrics.heard(kind);
    this.#handle({ kind: 'node', link, message });
  }

  #handle(event: CoordinatorEvent): void {
    if (this.#stopped) return;
    try {
      this.core.handle(event, this.#options.clock.now());
    } catch (error) {
      if (!this.#contain(event, error)) return this.#die(error);
    }
    if (this.#turnDue) return;
    this.#turnDue = true;
    setImmediate(() => this.#turn());
  }

  /**
   * An unexpected error costs what it happened in (R45): the connection of the node whose message it was, or the command.
   * One elsewhere ends this process, so that another coordinator leads. False when it may not be contained.
   */
  #contain(event: CoordinatorEvent, error: unknown): boolean {
    if (error instanceof InvariantBroken || (event.kind !== 'node' && event.kind !== 'command')) return false;
    const { log, metrics } = this.#options;
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    metrics.noticed('core.contained');
    if (event.kind === 'command') {
      log('error', 'core.contained', { during: event.command.kind, why });
      this.#commands.get(event.tag)?.({
        ok: false,
        message: `an unexpected error; the log says more: ${why}`,
      });
      this.#commands.delete(event.tag);
      return true;
    }
    log('error', 'core.contained', { during: event.message.kind, link: event.link, why });
    this.#links.get(event.link)?.close(`an unexpected error in its ${event.message.kind}`);
    return true;
  }

  #turn(): void {
    this.#turnDue = false;
    if (this.#stopped) return;
    let effects: CoordinatorEffects;
    try {
      effects = this.core.drain();
    } catch (error) {
      return this.#die(error);
    }
    for (const { link, message } of effects.sends) this.#links.get(link)?.send(message);
    for (const call of effects.stores) void this.#call(call);
    for (const { tag, ok, message } of effects.replies) {
      this.#commands.get(tag)?.({ ok, message });
      this.#commands.delete(tag);
    }
    for (const { level, name, fields } of effects.notices) {
      this.#options.metrics.noticed(name);
      this.#options.log(level, name, fields);
    }
  }

  async #call(call: CoordinatorEffects['stores'][number]): Promise<void> {
    const { clock, metrics } = this.#options;
    const began = clock.now().mono;
    this.#storeCalls++;
    const outcome = await withPatience(this.#outcome(call), storePatienceMs);
    this.#storeCalls--;
    const at = clock.now().mono;
    metrics.stored(call.op, call.object, outcome.kind, (at - began) / 1000);
    if (outcome.kind !== 'unknown') {
      this.#storeHeardAt = at;
      this.#stalled = '';
    } else if (this.#stalled !== outcome.why) {
      this.#stalled = outcome.why;
      this.#options.log('warn', 'state.unanswered', { op: call.op, object: call.object, why: outcome.why });
    }
    this.#handle({ kind: 'stored', id: call.id, outcome });
  }

  async #outcome(call: CoordinatorEffects['stores'][number]): Promise<StoreOutcome> {
    const { stateStore } = this.#options;
    const object: StoredObject = call.object;
    try {
      if (call.op === 'read') return { kind: 'read', ...(await stateStore.read(object)) };
      return await stateStore.write(object, call.value, call.expect);
    } catch (error) {
      return { kind: 'unknown', why: error instanceof Error ? error.message : String(error) };
    }
  }

  #die(error: unknown): void {
    this.stop();
    this.#options.onFatal(error);
  }
}

/** A number that no other process has: 48 random bits. */
export const freshProcessNumber = (): number => randomInt(1, 2 ** 48 - 1);

/** The id of a cluster that begins and was given none. */
export const freshClusterId = (): string => randomUUID();

function withPatience(outcome: Promise<StoreOutcome>, ms: number): Promise<StoreOutcome> {
  return new Promise((resolve) => {
    const why = `no answer within ${ms} ms`;
    const impatience = setTimeout(() => resolve({ kind: 'unknown', why }), ms);
    void outcome.then((value) => {
      clearTimeout(impatience);
      resolve(value);
    });
  });
}
