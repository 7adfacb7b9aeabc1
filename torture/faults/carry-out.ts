/** Carries a plan of faults out on a cluster of real processes, and says each as it happens. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Rig } from '../rig/rig.ts';
import { fillDisk } from './disk.ts';
import { cut, halfOpen, isolate, late, narrow, oneWay } from './network.ts';
import type { Fault, FaultKind } from './plan.ts';
import { kill, replace, rollingRestart, scaleOutAndIn, suspend } from './processes.ts';
import { deleteState, readStates, rollBackState } from './state.ts';
import { Turns } from './turns.ts';

export interface Done {
  readonly fault: Fault;
  /** '' = it took place; else why it was left out. */
  readonly leftOut: string;
  readonly tookMs: number;
}

/** Faults that need every chain full before they begin take place one after the other. */
const alone = 'data';
const stateKeptEvery = 10_000;

export class Carrier {
  readonly done: Done[] = [];
  /** Faults that could not be ended as they should. */
  readonly broken: string[] = [];
  readonly #rig: Rig;
  readonly #smallDisk: string | null;
  readonly #tell: (line: string) => void;
  readonly #turns = new Turns();
  #oldState: { readonly at: number; readonly text: string } | null = null;

  /** `smallDisk`: name of the node that has one. */
  constructor(rig: Rig, smallDisk: string | null, tell: (line: string) => void) {
    this.#rig = rig;
    this.#smallDisk = smallDisk;
    this.#tell = tell;
  }

  /** Resolves when every fault has begun and ended. */
  async carryOut(plan: readonly Fault[], began: number, signal: AbortSignal): Promise<void> {
    const under: Promise<void>[] = [];
    for (const fault of plan) {
      await sleep(Math.max(0, began + fault.at - performance.now()), undefined, { signal }).catch(() => {});
      if (signal.aborted) break;
      await this.#keepState();
      under.push(this.#one(fault, began));
    }
    await Promise.all(under);
  }

  async #one(fault: Fault, began: number): Promise<void> {
    const since = performance.now();
    const names = this.#names(fault);
    const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(6);
    this.#tell(`${seconds} s  ${fault.kind} ${names.join(', ')} ${(fault.ms / 1000).toFixed(1)} s`);
    let leftOut = '';
    try {
      leftOut = await this.#turn(fault, names);
    } catch (error) {
      this.broken.push(`${fault.kind} ${names.join(', ')}: ${(error as Error).message}`);
      this.#tell(`! ${this.broken.at(-1)}`);
    }
    if (leftOut !== '') this.#tell(`          ${fault.kind} was left out: ${leftOut}`);
    this.done.push({ fault, leftOut, tookMs: performance.now() - since });
  }

  #turn(fault: Fault, names: readonly string[]): Promise<string> {
    const { kind } = fault;
    const work = (): Promise<string> => this.#act(fault, names);
    if (isOfNetwork.has(kind)) return work();
    // Who waits for the turn of such a fault must not keep other processes' turns meanwhile.
    if (needsWhole.has(kind)) return this.#turns.take([alone], work);
    return this.#turns.take(names, work);
  }

  async #act({ kind, ms, much }: Fault, names: readonly string[]): Promise<string> {
    const rig = this.#rig;
    const [a = '', b = ''] = names;
    switch (kind) {
      case 'kill':
      case 'kill two':
      case 'kill all':
      case 'kill coordinator':
        await kill(rig, names, ms);
        return '';
      case 'suspend':
        await suspend(rig, a, ms);
        return '';
      case 'replace':
        return await replace(rig, a, ms, (work) => this.#turns.take([a], work));
      case 'cut':
        await cut(rig, a, b, ms);
        return '';
      case 'one way':
        await oneWay(rig, a, b, ms);
        return '';
      case 'half open':
        await halfOpen(rig, a, b, ms);
        return '';
      case 'late':
        await late(rig, a, b, ms, much);
        return '';
      case 'narrow':
        await narrow(rig, a, b, ms, much);
        return '';
      case 'isolate':
        await isolate(rig, a, ms, much < 0.5);
        return '';
      case 'full disk':
        return await this.#fill(ms, much);
      case 'rolling restart':
        await rollingRestart(rig);
        return '';
      case 'scale out and in':
        return await scaleOutAndIn(rig, ms);
      case 'state deleted':
        return await this.#loseState((restart) => deleteState(rig, restart, ms), much);
      case 'state rolled back': {
        const old = this.#oldState?.text;
        if (old === undefined) return 'there is no older state yet';
        return await this.#loseState((restart) => rollBackState(rig, old, restart, ms), much);
      }
    }
  }

  async #fill(ms: number, much: number): Promise<string> {
    const name = this.#smallDisk;
    if (name === null) return 'no small disk could be mounted';
    await fillDisk(this.#rig.child(name).plan.folder, much < 0.5 ? 0 : 0.1 * much, ms);
    return '';
  }

  async #loseState(lose: (restart: boolean) => Promise<string>, much: number): Promise<string> {
    const names = this.#rig.coordinators.map(({ name }) => name);
    return await this.#turns.take(names, async () => {
      if (!(await this.#rig.full(20_000))) return 'chains were not full before it';
      return await lose(much < 0.6);
    });
  }

  /** An older state to come back to. */
  async #keepState(): Promise<void> {
    const now = performance.now();
    if (this.#oldState !== null && now - this.#oldState.at < stateKeptEvery) return;
    const text = (await readStates(this.#rig.stateFolder))[0]?.text;
    if (text !== undefined) this.#oldState = { at: now, text };
  }

  #names({ kind, first, second }: Fault): string[] {
    const nodes = this.#rig.nodes.map(({ name }) => name).slice(0, this.#rig.plan.nodes);
    const coordinators = this.#rig.coordinators.map(({ name }) => name);
    const pick = (from: readonly string[], n: number): string => from[n % from.length] as string;
    const node = pick(nodes, first);
    const others = [...nodes, ...coordinators].filter((name) => name !== node);
    switch (kind) {
      case 'kill':
      case 'replace':
      case 'isolate':
        return [node];
      case 'suspend':
        return [pick([...nodes, ...nodes, ...coordinators], first)];
      case 'kill two':
        return [
          node,
          pick(
            nodes.filter((name) => name !== node),
            second,
          ),
        ].sort();
      case 'kill all':
        return second % 2 === 0 ? nodes : [...coordinators, ...nodes];
      case 'kill coordinator':
        return [pick(coordinators, first)];
      case 'cut':
      case 'one way':
      case 'half open':
      case 'late':
      case 'narrow':
        return second % 2 === 0 ? [node, pick(others, second >> 1)] : [pick(others, second >> 1), node];
      case 'full disk':
        return this.#smallDisk === null ? [] : [this.#smallDisk];
      case 'rolling restart':
        return nodes;
      case 'scale out and in':
        return [];
      case 'state deleted':
      case 'state rolled back':
        return coordinators;
    }
  }
}

const isOfNetwork: ReadonlySet<FaultKind> = new Set([
  'cut',
  'one way',
  'half open',
  'late',
  'narrow',
  'isolate',
  'full disk',
] as const);

const needsWhole: ReadonlySet<FaultKind> = new Set([
  'replace',
  'scale out and in',
  'state deleted',
  'state rolled back',
] as const);
