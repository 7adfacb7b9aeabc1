/**
 * The data folder of a local cluster: which cluster it belongs to, which nodes have begun in it, and who runs it now.
 * One runner at a time; a runner that was killed leaves a note that the next one recognises as stale.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Layout } from './layout.ts';
import { LocalError } from './local-error.ts';
import { identityOf, isAlive, type ProcessIdentity } from './process-identity.ts';

/** `local.json`: what must not change between starts. */
export interface FolderState {
  readonly format: 1;
  readonly cluster: string;
  readonly clusterId: string;
  readonly slots: number;
  /** Nodes whose stores were made: without theirs they are refused, never begun anew. */
  readonly nodes: readonly string[];
}

/** `runner.json`: the runner of now, and how to reach what it runs. */
export interface RunnerNote {
  readonly runner: ProcessIdentity;
  /** Every chain had all of its members once. */
  readonly ready: boolean;
  readonly manifest: string;
  readonly cluster: string;
  readonly endpoints: readonly string[];
  readonly processes: readonly RunningProcess[];
}

export interface RunningProcess {
  readonly name: string;
  readonly role: 'node' | 'coordinator';
  readonly address: string;
  /** `host:port` of its admin server. */
  readonly admin: string;
  /** Null while it is not running. */
  readonly identity: ProcessIdentity | null;
}

const stateFile = (dataDir: string): string => join(dataDir, 'local.json');
const noteFile = (dataDir: string): string => join(dataDir, 'runner.json');
const lockFile = (dataDir: string): string => join(dataDir, 'runner.lock');
/** Somebody wants this node to begin blank when it starts next. */
const blankFile = (dataDir: string, node: string): string => join(dataDir, 'nodes', `${node}.blank`);

/** The runner's note, null when nobody runs the folder. */
export async function readRunner(dataDir: string): Promise<RunnerNote | null> {
  const note = await readJson<RunnerNote>(noteFile(dataDir));
  return note !== null && isAlive(note.runner) ? note : null;
}

/**
 * Lets a node whose store is lost begin blank when it starts next, by the runner of now or by the next one.
 * @throws LocalError when there is no such node, or when it has a store
 */
export async function letBeginBlank(dataDir: string, node: string): Promise<void> {
  const known = await readJson<FolderState>(stateFile(dataDir));
  if (known === null) throw new LocalError(`${dataDir} holds no cluster`);
  if (!known.nodes.includes(node))
    throw new LocalError(`there is no node ${node} in ${dataDir}; there are ${known.nodes.join(', ')}`);
  const folder = join(dataDir, 'nodes', node);
  if (holdsStore(folder))
    throw new LocalError(
      `${folder} holds a store, so ${node} does not begin blank; if it is to, end the cluster and move that folder away`,
    );
  await mkdir(join(dataDir, 'nodes'), { recursive: true });
  await writeFile(blankFile(dataDir, node), '');
}

/** A node has begun in this folder. */
export const holdsStore = (folder: string): boolean => existsSync(join(folder, 'identity.json'));

/** A folder that this process alone may run. */
export class DataFolder {
  readonly dataDir: string;
  readonly #lock: string;
  #state: FolderState;
  /** Processes that a runner left behind when it was killed. */
  readonly leftovers: readonly RunningProcess[];

  private constructor(dataDir: string, state: FolderState, leftovers: readonly RunningProcess[]) {
    this.dataDir = dataDir;
    this.#lock = lockFile(dataDir);
    this.#state = state;
    this.leftovers = leftovers;
  }

  /**
   * Makes the folder at the first start, and takes its lock.
   * @throws LocalError when another runner has it, or when it belongs to another cluster
   */
  static async take(layout: Layout): Promise<DataFolder> {
    const { dataDir } = layout;
    await mkdir(layout.logDir, { recursive: true }).catch((error: Error) => {
      throw new LocalError(`${dataDir} cannot be made: ${error.message}; choose another spec.local.dataDir`);
    });
    await takeLock(dataDir);
    try {
      const known = await readJson<FolderState>(stateFile(dataDir));
      if (known === null) refuseStrange(dataDir);
      else refuseOther(known, layout);
      const old = await readJson<RunnerNote>(noteFile(dataDir));
      const state = known ?? {
        format: 1,
        cluster: layout.cluster,
        clusterId: randomUUID(),
        slots: layout.slots,
        nodes: [],
      };
      const leftovers = (old?.processes ?? []).filter((p) => p.identity !== null && isAlive(p.identity));
      const folder = new DataFolder(dataDir, state, leftovers);
      if (known === null) await folder.#save();
      return folder;
    } catch (error) {
      await rm(lockFile(dataDir), { force: true });
      throw error;
    }
  }

  get clusterId(): string {
    return this.#state.clusterId;
  }

  /** The cluster ran before. */
  get hasBegun(): boolean {
    return this.#state.nodes.length > 0;
  }

  /**
   * Whether this node begins blank: when it never began and has no store from a start that was cut short, or when
   * somebody said so with `letBeginBlank`, which counts for one start.
   */
  beginsBlank(name: string, folder: string): boolean {
    const wanted = blankFile(this.dataDir, name);
    const isWanted = existsSync(wanted);
    rmSync(wanted, { force: true });
    return !holdsStore(folder) && (isWanted || !this.#state.nodes.includes(name));
  }

  /** These nodes have stores. */
  async noteStores(names: readonly string[]): Promise<void> {
    const nodes = [...new Set([...this.#state.nodes, ...names])];
    if (nodes.length === this.#state.nodes.length) return;
    this.#state = { ...this.#state, nodes };
    await this.#save();
  }

  /** @throws LocalError when the disk does not take it; readers then see the note before it */
  async note(note: RunnerNote): Promise<void> {
    await replace(noteFile(this.dataDir), note);
  }

  async release(): Promise<void> {
    await rm(noteFile(this.dataDir), { force: true });
    await rm(this.#lock, { force: true });
  }

  async #save(): Promise<void> {
    await replace(stateFile(this.dataDir), this.#state);
  }
}

/** A name can be made once: whoever makes the lock's file has it, until the process that it names is gone. */
async function takeLock(dataDir: string): Promise<void> {
  const path = lockFile(dataDir);
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(JSON.stringify(identityOf(process.pid)));
      await file.close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw cannotWrite(path, error);
    }
    const holder = await readJson<ProcessIdentity>(path);
    if (holder !== null && isAlive(holder))
      throw new LocalError(
        `${dataDir} is in use: process ${holder.pid} runs a cluster in it; ` +
          'stop that one first (Ctrl-C there, or chainctl local down)',
      );
    await unlink(path).catch(() => {});
  }
  throw new LocalError(`${path} cannot be taken: others take it at the same time; try again`);
}

function refuseOther(known: FolderState, layout: Layout): void {
  const { cluster, slots, manifest, dataDir } = layout;
  const instead = 'choose another spec.local.dataDir, or remove the folder to begin anew without its data';
  if (known.format !== 1)
    throw new LocalError(`${dataDir} was written by another release (format ${known.format}); ${instead}`);
  if (known.cluster !== cluster)
    throw new LocalError(
      `${dataDir} holds the data of cluster "${known.cluster}", and ${manifest} describes "${cluster}"; ${instead}`,
    );
  if (known.slots !== slots)
    throw new LocalError(
      `${dataDir} holds a cluster of ${known.slots} slots, and ${manifest} says ${slots}: ` +
        `the number is fixed for the life of a cluster; write slots: ${known.slots}, or ${instead}`,
    );
  refuseSurplus(known, layout);
}

/** Nodes that the manifest does not run any more may have the only copies: a person says that they are empty. */
function refuseSurplus(known: FolderState, { nodes, manifest, dataDir }: Layout): void {
  const surplus = known.nodes.filter(
    (name) => !nodes.some((plan) => plan.name === name) && holdsStore(join(dataDir, 'nodes', name)),
  );
  if (surplus.length === 0) return;
  const names = surplus.join(', ');
  throw new LocalError(
    `${manifest} runs ${nodes.length} nodes, and ${dataDir} holds the stores of ${names} too, which may have the only copies: ` +
      `write nodes: ${known.nodes.length}, start, run ${surplus.map((name) => `chainctl drain ${name}`).join(' and ')}, ` +
      `stop, move the folders of ${names} out of ${join(dataDir, 'nodes')}, and lower the number then`,
  );
}

/** Files of stores without the file that says whose they are: somebody removed it, or this is no folder of ours. */
function refuseStrange(dataDir: string): void {
  if (!existsSync(join(dataDir, 'nodes')) && !existsSync(join(dataDir, 'coordinators'))) return;
  throw new LocalError(
    `${dataDir} holds data but no local.json, so it is not known whose data this is; ` +
      'choose another spec.local.dataDir, or put that file back',
  );
}

async function readJson<T>(path: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch {
    return null;
  }
}

/** Readers see the old content or the new one. @throws LocalError when the disk does not take it, such as a full one */
async function replace(path: string, content: unknown): Promise<void> {
  try {
    await writeFile(`${path}.new`, `${JSON.stringify(content, null, 2)}\n`);
    await rename(`${path}.new`, path);
  } catch (error) {
    await rm(`${path}.new`, { force: true }).catch(() => {});
    throw cannotWrite(path, error);
  }
}

export const cannotWrite = (path: string, error: unknown): LocalError =>
  new LocalError(`${path} cannot be written: ${(error as Error).message}; make room on its disk`);
