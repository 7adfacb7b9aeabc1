/** Folders of the three nodes of a small cluster, as a crash leaves them, with all that a store can hold. */
import { cp, link, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { connect } from '../../client/index.ts';
import { TestCluster } from '../../cluster-test/cluster.fixture.ts';

export const names = ['n1', 'n2', 'n3'] as const;
export const slots = 4;
/** What the file of a cluster says beside the usual. */
export const settings = { slots, durability: 'fsync', config: { logRetentionMiB: 1 } } as const;

export interface Prepared {
  readonly folder: string;
  /** Every key that was ever written, and what it holds; null = deleted. */
  readonly truth: ReadonlyMap<string, string | null>;
}

const rounds = 4;
const keys = 240;

/** Writes in some rounds with a crash of all after each: tables of several ages, a log, and small records. */
export async function prepare(): Promise<Prepared> {
  const cluster = await TestCluster.make(settings);
  const truth = new Map<string, string | null>();
  const kept = await mkdtemp(join(tmpdir(), 'chaincluster-rot-'));
  try {
    await cluster.startCoordinator('c1');
    for (let round = 0; round < rounds; round++) {
      await Promise.all(names.map((name) => cluster.startNode(name)));
      await cluster.full();
      await write(cluster.addresses, round, truth);
      await Promise.all(names.map((name) => cluster.kill(name)));
    }
    await cp(cluster.folder, kept, { recursive: true });
  } finally {
    await cluster.end();
  }
  return { folder: kept, truth };
}

async function write(
  endpoints: readonly string[],
  round: number,
  truth: Map<string, string | null>,
): Promise<void> {
  const client = await connect({ endpoints, timeoutMs: 20_000 });
  try {
    const own = Array.from({ length: keys }, (_, i) => i).filter((i) => round === 0 || i % (round + 1) === 0);
    await Promise.all(
      own.map(async (i) => {
        const key = `key/${i}`;
        if ((i + round) % 7 === 0) {
          await client.delete(key);
          truth.set(key, null);
        } else {
          const value = `${key} of round ${round} `.padEnd(40 + ((i * 37) % 400), `${i}.`);
          await client.put(key, value);
          truth.set(key, value);
        }
      }),
    );
  } finally {
    client.close();
  }
}

/** All files below a folder, as paths relative to it; LevelDB's own diary and locks hold nothing. */
export async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !/^(LOCK|LOG|LOG\.old)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/**
 * A copy of a folder in which one file has other bytes. Tables are linked, not copied: nobody writes into one that is there.
 */
export async function copyWith(from: string, to: string, changed: string, bytes: Buffer): Promise<void> {
  for (const path of await filesOf(from)) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    if (path === changed) await writeFile(join(to, path), bytes);
    else if (path.endsWith('.ldb')) await link(join(from, path), join(to, path));
    else await writeFile(join(to, path), await readFile(join(from, path)));
  }
}

export const remove = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });
