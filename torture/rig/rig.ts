/** A cluster of real processes for torture: started, killed, suspended, emptied, cut off, and made whole again. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../../local/child.ts';
import { checkPorts } from '../../local/free-ports.ts';
import { argumentsOf, configOf, localHost, type ProcessPlan } from '../../local/layout.ts';
import { exitCodes } from '../../process/endings.ts';
import { Network } from '../network/network.ts';
import { type LinkProxy, startForward, startProxy } from '../network/proxy.ts';
import { type ChainsView, leadersView, troubleOf } from './admin.ts';
import { type Laid, layOutRig, proxyPort, type RigPlan } from './layout.ts';

export interface Death {
  readonly name: string;
  readonly how: string;
  readonly words: string;
}

const clusterId = '70470000-0000-4000-8000-000000000000';
const superviseMs = 1000;
const sickLooks = 3;
const stopMsMax = 30_000;

export class Rig {
  readonly plan: RigPlan;
  readonly network = new Network();
  /** Deaths that nobody caused: each is a fault of the software, or follows from a full disk. */
  readonly deaths: Death[] = [];
  /** Names of the nodes that the cluster should have now. */
  readonly wanted: string[] = [];
  readonly #laid: Laid;
  readonly #children = new Map<string, Child>();
  readonly #proxies: LinkProxy[] = [];
  readonly #tell: (line: string) => void;
  #supervisor: NodeJS.Timeout | undefined;
  /** Looks in a row at which a node said that it must be started anew. */
  readonly #sick = new Map<string, number>();

  /** Resolves when every chain is full. @throws Error; nothing is left running then */
  static async start(plan: RigPlan, tell: (line: string) => void): Promise<Rig> {
    const rig = new Rig(plan, tell);
    try {
      await rig.#start();
      return rig;
    } catch (error) {
      await rig.end();
      throw error;
    }
  }

  private constructor(plan: RigPlan, tell: (line: string) => void) {
    this.plan = plan;
    this.#tell = tell;
    this.#laid = layOutRig(plan);
  }

  get nodes(): readonly ProcessPlan[] {
    return this.#laid.layout.nodes.filter(({ name }) => this.wanted.includes(name));
  }

  get coordinators(): readonly ProcessPlan[] {
    return this.#laid.layout.coordinators;
  }

  get clusterId(): string {
    return clusterId;
  }

  /** Folder of the coordinators' state. */
  get stateFolder(): string {
    return this.coordinators[0]?.folder ?? '';
  }

  /** As clients dial them: the proxies of nodes. */
  get endpoints(): string[] {
    return this.nodes.map((node) => `${localHost}:${proxyPort(node)}`);
  }

  child(name: string): Child {
    const child = this.#children.get(name);
    if (child === undefined) throw new Error(`there is no process ${name}`);
    return child;
  }

  view(): Promise<ChainsView | null> {
    return leadersView(this.coordinators);
  }

  async isFull(): Promise<boolean> {
    const view = await this.view();
    if (view === null || view.chains.length !== this.plan.slots) return false;
    const wanted = view.nodes.filter(({ node }) => this.wanted.includes(node));
    return view.chains.every(({ full }) => full) && wanted.every(({ admitted }) => admitted);
  }

  /** Whether every chain became full within this time. */
  async full(ms: number): Promise<boolean> {
    const until = performance.now() + ms;
    for (;;) {
      if (await this.isFull()) return true;
      if (performance.now() > until) return false;
      await sleep(100);
    }
  }

  /** Ends it without warning and keeps it away. Resolves when it is gone. */
  async kill(name: string): Promise<void> {
    await this.child(name).stop('SIGKILL', 0);
  }

  revive(name: string): void {
    this.child(name).start();
  }

  /** Its data is gone for good; it must be dead. */
  async empty(name: string): Promise<void> {
    const { folder } = this.child(name).plan;
    // The folder itself may be a small disk.
    for (const each of await readdir(folder).catch(() => []))
      await rm(join(folder, each), { recursive: true, force: true });
  }

  async restart(name: string): Promise<void> {
    await this.child(name).stop('SIGTERM', stopMsMax);
    this.child(name).start();
  }

  /** The next place gets a node; its name. Null when all places are taken. */
  async scaleOut(): Promise<string | null> {
    const next = this.#laid.layout.nodes.find(({ name }) => !this.wanted.includes(name));
    if (next === undefined) return null;
    this.wanted.push(next.name);
    await this.#writeConfig();
    this.child(next.name).start();
    return next.name;
  }

  /** The node is stopped, which takes it out of its chains first, and forgotten. */
  async scaleIn(name: string): Promise<void> {
    this.wanted.splice(this.wanted.indexOf(name), 1);
    await this.#writeConfig();
    await this.child(name).stop('SIGTERM', stopMsMax);
    await this.empty(name);
  }

  async end(): Promise<void> {
    clearInterval(this.#supervisor);
    const children = [...this.#children.values()];
    for (const child of children) child.signal('SIGCONT');
    await Promise.all(children.map((child) => child.stop('SIGKILL', 0)));
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
  }

  async #start(): Promise<void> {
    const { layout } = this.#laid;
    await checkPorts(layout);
    await mkdir(layout.logDir, { recursive: true });
    this.wanted.push(...layout.nodes.slice(0, this.plan.nodes).map(({ name }) => name));
    await this.#writeConfig();
    for (const each of [...layout.coordinators, ...layout.nodes]) {
      this.#proxies.push(await this.#proxyOf(each));
      if (each.role === 'coordinator')
        this.#proxies.push(await startForward(proxyPort(each) + 1, each.ports.grpc));
      this.#children.set(each.name, this.#makeChild(each));
    }
    for (const { name } of [...this.coordinators, ...this.nodes]) this.child(name).start();
    this.#supervisor = setInterval(() => void this.#supervise(), superviseMs);
    if (await this.full(60_000)) return;
    const why = this.deaths.map(({ name, how, words }) => `${name} ${how}: ${words}`).join('; ');
    throw new Error(`the cluster did not become whole within 60 s; ${why || `see ${layout.logDir}`}`);
  }

  /** Starts a node anew that says that it cannot go on, as whoever looks after processes does. */
  async #supervise(): Promise<void> {
    for (const plan of this.nodes) {
      const why = await troubleOf(plan);
      const looks = why === '' ? 0 : (this.#sick.get(plan.name) ?? 0) + 1;
      this.#sick.set(plan.name, looks % sickLooks);
      if (looks < sickLooks) continue;
      this.#tell(`          ${plan.name} is started anew: ${why.slice(0, 160)}`);
      // Not kept away: whoever did so keeps it so.
      this.child(plan.name).signal('SIGTERM');
    }
  }

  #proxyOf(plan: ProcessPlan): Promise<LinkProxy> {
    const { name, ports } = plan;
    return startProxy({ name, network: this.network, port: proxyPort(plan), target: () => ports.link });
  }

  #makeChild(plan: ProcessPlan): Child {
    const own = plan.role === 'node' ? ['--advertise-port', `${proxyPort(plan)}`] : [];
    return new Child({
      plan,
      // An empty folder is one that was emptied here.
      args: () => [...argumentsOf(plan, this.#laid.layout, true), ...own],
      onStart: () => {},
      onDeath: (child, how) => {
        const death = { name: plan.name, how, words: child.lastWords() };
        // It was told to end because it could not go on, or it ends to be started anew; or its small disk has no room to open.
        if ([0, exitCodes.again].some((code) => how === `ended with code ${code}`)) return;
        if (death.words.includes('make room on its disk')) return;
        this.deaths.push(death);
        this.#tell(`! ${plan.name} ${how}, and nobody killed it: ${death.words}`);
      },
    });
  }

  async #writeConfig(): Promise<void> {
    const { cluster, layout } = this.#laid;
    await mkdir(layout.dataDir, { recursive: true });
    const config = JSON.parse(configOf(cluster(this.wanted.length), layout, clusterId));
    // The least that processes take: copies must read values, not the log of the whole run.
    config.config.logRetentionMiB = 1;
    await writeFile(layout.configFile, JSON.stringify(config, null, 2));
  }
}
