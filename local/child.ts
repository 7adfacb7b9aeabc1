/** One process of a local cluster: started, started again when it dies, and stopped. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessPlan } from './layout.ts';
import { identityOf, type ProcessIdentity } from './process-identity.ts';

export interface ChildOptions {
  readonly plan: ProcessPlan;
  /** Asked at each start. */
  readonly args: () => string[];
  /** It died although nobody asked it to, for the `times`-th time in a row; it is started again after `againMs`. */
  readonly onDeath: (
    child: Child,
    how: string,
    again: { readonly times: number; readonly ms: number },
  ) => void;
  readonly onStart: (child: Child) => void;
}

const root = join(import.meta.dirname, '..');
const againMsFirst = 200;
const againMsMost = 5000;
/** Running so long counts as well: the next death begins with the shortest pause. */
const wellMs = 10_000;
/** A log is put aside at this size when its process starts. */
const logBytesMax = 16 * 1_048_576;

export class Child {
  readonly plan: ProcessPlan;
  readonly #options: ChildOptions;
  #process: ChildProcess | null = null;
  #identity: ProcessIdentity | null = null;
  #again: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #deaths = 0;
  #wanted = false;
  /** Ends of the present process, for those who wait. */
  #ended: Promise<void> = Promise.resolve();

  constructor(options: ChildOptions) {
    this.plan = options.plan;
    this.#options = options;
  }

  /** Null while it is not running. */
  get identity(): ProcessIdentity | null {
    return this.#identity;
  }

  /** Starts it, and again whenever it dies. */
  start(): void {
    this.#wanted = true;
    if (this.#process === null) this.#spawn();
  }

  /** It is not started again when it dies, until `start`. */
  hold(): void {
    this.#wanted = false;
    clearTimeout(this.#again);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Sends `signal`, and kills what is still there after `patienceMs`. */
  async stop(signal: NodeJS.Signals, patienceMs: number): Promise<void> {
    this.hold();
    if (this.#process === null) return;
    this.signal(signal);
    const impatience = setTimeout(() => this.signal('SIGKILL'), patienceMs);
    await this.#ended;
    clearTimeout(impatience);
  }

  /** The last thing that it said, in words. */
  lastWords(): string {
    const lines = readLog(this.plan.logFile).trimEnd().split('\n');
    for (const line of lines.reverse()) {
      const words = wordsOf(line);
      if (words !== '') return words;
    }
    return `it said nothing; see ${this.plan.logFile}`;
  }

  #spawn(): void {
    const log = openLog(this.plan.logFile);
    const main = join(root, this.plan.role, 'main.ts');
    // A group of its own: Ctrl-C in a terminal goes to the runner alone, which stops the processes in order.
    const child = spawn(process.execPath, [main, ...this.#options.args()], {
      cwd: root,
      detached: true,
      stdio: ['ignore', log, log],
    });
    if (log !== 'ignore') closeSync(log);
    this.#process = child;
    this.#startedAt = performance.now();
    this.#identity = child.pid === undefined ? null : identityOf(child.pid);
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => this.#onEnd(`could not be started: ${error.message}`, resolve));
      child.once('exit', (code, signal) =>
        this.#onEnd(signal === null ? `ended with code ${code}` : `was ended by ${signal}`, resolve),
      );
    });
    this.#options.onStart(this);
  }

  #onEnd(how: string, resolve: () => void): void {
    if (this.#process === null) return;
    this.#process = null;
    this.#identity = null;
    resolve();
    if (!this.#wanted) return;
    if (performance.now() - this.#startedAt > wellMs) this.#deaths = 0;
    const ms = Math.min(againMsFirst * 2 ** this.#deaths, againMsMost);
    this.#deaths++;
    this.#again = setTimeout(() => this.#spawn(), ms);
    this.#options.onDeath(this, how, { times: this.#deaths, ms });
  }
}

/** Where its words go; nowhere when the file cannot be opened, as on a full disk. */
function openLog(path: string): number | 'ignore' {
  try {
    if (statSync(path).size > logBytesMax) renameSync(path, `${path}.1`);
  } catch {
    // There is none yet.
  }
  try {
    return openSync(path, 'a');
  } catch {
    return 'ignore';
  }
}

function readLog(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(-16_384);
  } catch {
    return '';
  }
}

/** Why a process ended, from a line of its log; '' when the line does not say. */
function wordsOf(line: string): string {
  if (!line.startsWith('{')) return line.trim();
  try {
    const { event = '', why } = JSON.parse(line) as { event?: string; why?: unknown };
    return event.endsWith('.ended') && typeof why === 'string' ? why : '';
  } catch {
    return '';
  }
}
