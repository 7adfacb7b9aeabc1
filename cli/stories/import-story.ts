/**
 * The story of an import: records go in through `chainctl import` at c = 128, one storage node is killed in the middle and
 * started again by the runner. Afterwards every record is there and the same at each replica of its chain, and the node
 * that was killed has caught up from the others' logs, not by a copy.
 */
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, connect } from '../../client/index.ts';
import { parseTemplate } from '../key-template.ts';
import { readRecords } from '../records.ts';
import { readAdmin } from '../replicas.ts';
import { forEachAtOnce } from './at-once.ts';
import type { Lab } from './lab.ts';

export interface ImportStory {
  /** A JSON array or JSON lines of cities. */
  readonly file: string;
  /** How many records it has. */
  readonly records: number;
  readonly victim: string;
  readonly tell: (line: string) => void;
}

export interface ImportFigures {
  readonly written: number;
  readonly opsPerSecond: number;
  /** Records that were done when the node was killed. */
  readonly killedAt: number;
  /** Reads of single replicas that gave the right record. */
  readonly verified: number;
}

const template = 'city/{country}/{name}/{#}';
const concurrency = 128;
const backMsMax = 60_000;

/** @throws Error that says what was not as told */
export async function tellImportStory(lab: Lab, story: ImportStory): Promise<ImportFigures> {
  const { file, records, victim, tell } = story;
  const state = join(lab.folder, 'import.state');
  const importing = runImport(lab, file, state);
  const killedAt = await progressTo(state, records * 0.4, importing);
  lab.kill(victim);
  tell(`killed ${victim} after ${killedAt} of ${records} records`);
  const { written, opsPerSecond, failed } = await importing;
  must(
    failed === 0 && written === records,
    `${written} of ${records} records were written, ${failed} failed`,
  );
  tell(`imported ${written} records, ${opsPerSecond}/s`);
  await backAgain(lab, victim);
  await lab.full();
  await mustHaveCaughtUpByLog(lab, victim);
  const client = await connect({ endpoints: lab.endpoints, timeoutMs: 30_000 });
  try {
    const verified = await verify(client, file, tell);
    must(
      verified === records * 3,
      `${verified} reads were right, instead of 3 for each of ${records} records`,
    );
    return { written, opsPerSecond, killedAt, verified };
  } finally {
    client.close();
  }
}

interface Imported {
  readonly written: number;
  readonly failed: number;
  readonly opsPerSecond: number;
}

function runImport(lab: Lab, file: string, state: string): Promise<Imported> {
  const main = join(import.meta.dirname, '..', 'main.ts');
  const flags = ['--key', template, '-c', `${concurrency}`, '--resume', state, '-o', 'json'];
  const args = [main, 'import', file, ...flags, '--endpoints', lab.endpoints.join(',')];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let errors = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    errors += data;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0
        ? resolve(JSON.parse(out))
        : reject(new Error(`the import ended with ${code}: ${errors.slice(0, 2000)}`)),
    );
  });
}

/** Resolves to the number of records that are done, once there are `least`. */
async function progressTo(state: string, least: number, importing: Promise<unknown>): Promise<number> {
  let over = false;
  importing.then(
    () => {
      over = true;
    },
    () => {
      over = true;
    },
  );
  for (;;) {
    const text = await readFile(state, 'utf8').catch(() => '{"done":0}');
    const { done } = JSON.parse(text) as { done: number };
    if (done >= least && !over) return done;
    if (over) {
      await importing;
      throw new Error('the import was over before a node could be killed; give it more records');
    }
    await sleep(20);
  }
}

/** Until then the leader may still show the chains as they were before the kill. */
async function backAgain(lab: Lab, victim: string): Promise<void> {
  const admin = `127.0.0.1:${lab.child(victim).plan.ports.admin}`;
  const until = performance.now() + backMsMax;
  for (;;) {
    const started = (await startsOf(lab, victim)) > 1;
    if (started && (await readAdmin<{ admitted: boolean }>(admin, 1000))?.admitted === true) return;
    if (performance.now() > until)
      throw new Error(`${victim} is not admitted ${backMsMax / 1000} s after it was killed`);
    await sleep(50);
  }
}

const startsOf = async (lab: Lab, node: string): Promise<number> =>
  (await lab.events(node)).filter(({ event }) => event === 'node.started').length;

async function mustHaveCaughtUpByLog(lab: Lab, victim: string): Promise<void> {
  const starts = await startsOf(lab, victim);
  must(starts === 2, `${victim} was started ${starts} times, not twice`);
  const events = await lab.events(victim);
  const copies = events.filter(({ event }) => event === 'join.snapshot').length;
  must(copies === 0, `${victim} took ${copies} copies instead of the missing entries`);
}

/** Reads every record from each member of its chain, by itself. Resolves to the number of reads. */
async function verify(client: Client, file: string, tell: (line: string) => void): Promise<number> {
  const makeKey = parseTemplate(template);
  let reads = 0;
  const began = performance.now();
  await forEachAtOnce(readRecords(createReadStream(file)), concurrency, async ({ bytes, number }) => {
    const text = bytes.toString('utf8').trim();
    const key = makeKey(JSON.parse(text), number);
    const members = client.route(client.slotOf(key))?.members ?? [];
    for (const { node } of members) {
      const found = await client.get(key, { node, level: 'eventual' });
      must(found.found, `${node} does not have ${key}, record ${number}`);
      must(found.found && found.text() === text, `${node} has another value of ${key}, record ${number}`);
      reads++;
    }
  });
  tell(`read ${reads} replicas of records, ${Math.round((reads / (performance.now() - began)) * 1000)}/s`);
  return reads;
}

function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}
