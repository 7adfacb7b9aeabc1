/** A cluster on this machine: its processes started in order, watched, and stopped in order. */
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChainCluster } from '../manifest/types.ts';
import { whySetAside } from '../node/store/aside.ts';
import { exitCodes } from '../process/endings.ts';
import { Child } from './child.ts';
import { cannotWrite, DataFolder, holdsStore, type RunnerNote } from './folder.ts';
import { checkPorts } from './free-ports.ts';
import { argumentsOf, configOf, type Layout, localHost } from './layout.ts';
import { LocalError } from './local-error.ts';
import { identityOf, isAlive } from './process-identity.ts';
import type { Reporter } from './report.ts';

export interface LocalCluster {
  readonly layout: Layout;
  /** Links of every node. */
  readonly endpoints: readonly string[];
  /** Ends the process without warning; it is started again. @throws LocalError when there is none of this name */
  kill(name: string): void;
  /** A process by its name. */
  child(name: string): Child;
  /** Resolves when every process has ended. A second call kills what is left. */
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly cluster: ChainCluster;
  readonly layout: Layout;
  readonly report: Reporter;
  /** Gives the start up: processes are stopped again. */
  readonly signal?: AbortSignal;
}

/** How long a start may take until every chain serves. A whole copy is no part of it, a long log is. */
const startMsMax = 120_000;
const lookMs = 50;
/** A node without coordinators stops at once; its last write may take long on a slow disk. */
const stopMsMax = 15_000;
const noteAgainMs = 5000;
const noteTellMs = 60_000;

/**
 * Starts every process and resolves when every chain has all of its members. In a cluster that ran before, nodes that do
 * not start are reported and tried again and again; every chain then has at least one member of the others.
 * @throws LocalError with one sentence; nothing is left running then
 */
export async function startCluster(options: StartOptions): Promise<LocalCluster> {
  const { layout, report } = options;
  const folder = await DataFolder.take(layout);
  const running = new Running(options, folder);
  try {
    await stopLeftovers(folder, report);
    await checkPorts(layout);
    await writeFile(layout.configFile, configOf(options.cluster, layout, folder.clusterId)).catch((error) => {
      throw cannotWrite(layout.configFile, error);
    });
    await running.start();
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}

class Running implements LocalCluster {
  readonly layout: Layout;
  readonly endpoints: readonly string[];
  readonly #options: StartOptions;
  readonly #folder: DataFolder;
  readonly #coordinators: readonly Child[];
  readonly #nodes: readonly Child[];
  #isReady = false;
  /** Nodes that ended by themselves, and what they said last. */
  readonly #out = new Map<string, string>();
  readonly #saidAside = new Set<string>();
  #fatal: LocalError | null = null;
  #stopping: Promise<void> | null = null;
  #noting: Promise<void> = Promise.resolve();
  /** When it was last told that a note could not be written. */
  #noteToldAt = Number.NEGATIVE_INFINITY;
  #noteAgain: NodeJS.Timeout | undefined;

  constructor(options: StartOptions, folder: DataFolder) {
    const { layout } = options;
    this.layout = layout;
    this.endpoints = layout.nodes.map(({ address }) => address);
    this.#options = options;
    this.#folder = folder;
    this.#coordinators = layout.coordinators.map((plan) => this.#makeChild(plan));
    this.#nodes = layout.nodes.map((plan) => this.#makeChild(plan));
  }

  async start(): Promise<void> {
    for (const child of this.#all) child.start();
    await this.#becomeReady();
    await this.#folder.noteStores(this.layout.nodes.map(({ name }) => name));
    this.#isReady = true;
    this.#note();
  }

  child(name: string): Child {
    const child = this.#all.find(({ plan }) => plan.name === name);
    if (child !== undefined) return child;
    const names = this.#all.map(({ plan }) => plan.name).join(', ');
    throw new LocalError(`there is no process ${name}; there are ${names}`);
  }

  kill(name: string): void {
    this.child(name).signal('SIGKILL');
  }

  stop(): Promise<void> {
    if (this.#stopping === null) this.#stopping = this.#stop();
    else
      for (const child of this.#all) {
        child.hold();
        child.signal('SIGKILL');
      }
    return this.#stopping;
  }

  get #all(): readonly Child[] {
    return [...this.#coordinators, ...this.#nodes];
  }

  #makeChild(plan: Layout['nodes'][number]): Child {
    return new Child({
      plan,
      args: () =>
        argumentsOf(
          plan,
          this.layout,
          plan.role === 'node' && this.#folder.beginsBlank(plan.name, plan.folder),
        ),
      onStart: () => this.#note(),
      onDeath: (child, how, again) => this.#onDeath(child, how, again),
    });
  }

  #onDeath(child: Child, how: string, again: { readonly times: number; readonly ms: number }): void {
    this.#note();
    const { name, role, folder, logFile } = child.plan;
    const { report } = this.#options;
    if (how === `ended with code ${exitCodes.again}`) return report.say(`${name}: ${child.lastWords()}`);
    if (how.startsWith('was ended'))
      return report.say(`${name} ${how}; it starts again in ${again.ms} ms (log: ${logFile})`);
    const words = child.lastWords();
    const isNews = again.times === 1 || words !== this.#out.get(name);
    if (role === 'node') this.#out.set(name, words);
    const othersLive = this.#folder.hasBegun && this.#out.size < this.#nodes.length;
    if (!this.#isReady && (role === 'coordinator' || !othersLive))
      this.#fatal ??= new LocalError(`${name} ${how}: ${words}`);
    else if (isNews)
      report.say(
        `${name} ${how}: ${words}; ` +
          (role === 'node' && !holdsStore(folder)
            ? `the others go on; it begins blank and is filled from them with: npx chainctl local blank ${name}`
            : `it is tried again and again (log: ${logFile})`),
      );
  }

  /** Waits for the leading coordinator to say that every chain has all of its members. */
  async #becomeReady(): Promise<void> {
    const { signal, report } = this.#options;
    const { slots } = this.layout;
    let until = performance.now() + startMsMax;
    for (;;) {
      if (this.#fatal !== null) throw this.#fatal;
      if (signal?.aborted) throw new LocalError('the start was given up');
      const { serving, waiting, trouble } = await this.#progress();
      // Only a person's word ends it, and that needs the processes.
      if (trouble) until = performance.now() + startMsMax;
      const progress = `chains serving: ${serving}/${slots}${waiting === '' ? '' : ` (${waiting})`}`;
      report.progress(progress);
      this.#sayAside();
      if (serving === slots) return;
      if (performance.now() > until)
        throw new LocalError(
          `after ${startMsMax / 1000} s, ${progress}; the logs in ${this.layout.logDir} say more`,
        );
      await sleep(lookMs);
    }
  }

  /** Chains may wait for what a node set aside: the person must hear of it here. Once for each node. */
  #sayAside(): void {
    for (const { plan } of this.#nodes) {
      const why = this.#saidAside.has(plan.name) ? '' : whySetAside(plan.folder);
      if (why === '') continue;
      this.#saidAside.add(plan.name);
      this.#options.report.say(
        `${plan.name}: ${why}; docs/runbook.md, "A store that was set aside", says what to do`,
      );
    }
  }

  async #progress(): Promise<{ serving: number; waiting: string; trouble: boolean }> {
    const views = await Promise.all(this.#coordinators.map(({ plan }) => viewOf(plan.ports.admin)));
    const leading = views.find((view) => view?.leading === true);
    if (leading == null) {
      const trouble = views.map((view) => view?.trouble?.message ?? '').find((message) => message !== '');
      return { serving: 0, waiting: trouble ?? 'a coordinator is starting', trouble: trouble !== undefined };
    }
    const { chains = [], waiting = '' } = leading;
    const isEnough = (chain: ChainView): boolean =>
      chain.full ||
      (this.#out.size > 0 && chain.members.length > 0 && chain.members.every((m) => m.state === 'serving'));
    return { serving: chains.filter(isEnough).length, waiting, trouble: false };
  }

  async #stop(): Promise<void> {
    // Coordinators first: then no chain changes while its members end one after the other, and they start together again.
    await Promise.all(this.#coordinators.map((child) => child.stop('SIGTERM', stopMsMax)));
    // SIGINT: without leaving the chains, which is for nodes that go alone.
    await Promise.all(this.#nodes.map((child) => child.stop('SIGINT', stopMsMax)));
    await this.#noting;
    clearTimeout(this.#noteAgain);
    await this.#folder.release();
  }

  /** Notes who runs what. A disk that does not take it ends nothing: it is told once a minute, and tried again. */
  #note(): void {
    clearTimeout(this.#noteAgain);
    this.#noting = this.#noting
      .then(() => this.#folder.note(this.#noteOfNow()))
      .catch(({ message }: Error) => {
        const now = performance.now();
        if (now - this.#noteToldAt > noteTellMs) {
          this.#noteToldAt = now;
          this.#options.report.say(
            `${message}. The cluster goes on; until it is written chainctl local may not see what runs here`,
          );
        }
        this.#noteAgain = setTimeout(() => this.#note(), noteAgainMs);
      });
  }

  #noteOfNow(): RunnerNote {
    return {
      runner: identityOf(process.pid),
      ready: this.#isReady,
      manifest: this.layout.manifest,
      cluster: this.layout.cluster,
      endpoints: this.endpoints,
      processes: this.#all.map(({ plan, identity }) => ({
        name: plan.name,
        role: plan.role,
        address: plan.address,
        admin: `${localHost}:${plan.ports.admin}`,
        identity,
      })),
    };
  }
}

interface View {
  readonly leading?: boolean;
  readonly waiting?: string;
  readonly trouble?: { readonly message: string } | null;
  readonly chains?: readonly ChainView[];
}

interface ChainView {
  readonly full: boolean;
  readonly members: readonly { readonly state: string }[];
}

async function viewOf(adminPort: number): Promise<View | null> {
  try {
    const answer = await fetch(`http://${localHost}:${adminPort}/state`, {
      signal: AbortSignal.timeout(1000),
    });
    return (await answer.json()) as View;
  } catch {
    return null;
  }
}

/** A runner that was killed could not stop its processes: they hold the ports and the stores. */
async function stopLeftovers({ leftovers }: DataFolder, report: Reporter): Promise<void> {
  const alive = leftovers.flatMap(({ identity }) => (identity === null ? [] : [identity]));
  if (alive.length === 0) return;
  report.say(`stopping ${alive.length} processes that a runner left behind when it was killed`);
  const until = performance.now() + stopMsMax;
  for (const { pid } of alive) process.kill(pid, 'SIGINT');
  while (alive.some(isAlive) && performance.now() < until) await sleep(lookMs);
  for (const one of alive.filter(isAlive)) process.kill(one.pid, 'SIGKILL');
}
