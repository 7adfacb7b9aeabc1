/** A local cluster whose data folder lies on a small disk that runs full, with its logs, its state and the runner's notes. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Client, connect } from '../client/index.ts';
import { parseManifest } from '../manifest/parse.ts';
import { type LocalCluster, startCluster } from './cluster.ts';
import { layOut } from './layout.ts';

const portsFrom = 32_000 + (process.pid % 90) * 30;
const patience = { timeout: 60_000, interval: 250 };

/** Mounts a file system of its own on the folder; says why when it cannot. */
function mountSmall(folder: string, mebibytes: number): string | null {
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder], {
      stdio: 'pipe',
    });
    return null;
  } catch (error) {
    return `no small file system can be mounted here: ${(error as Error).message.split('\n').at(1) ?? error}`;
  }
}

/** Takes the last byte. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  const block = Buffer.alloc(65_536, 1);
  try {
    for (;;) writeSync(file, block);
  } catch {
    // It is full.
  } finally {
    closeSync(file);
  }
}

test.for([
  { mebibytes: 8, valueBytes: 10_000 },
  { mebibytes: 160, valueBytes: 300_000 },
])(
  'three nodes on $mebibytes MiB refuse writes in time, and outlive a full disk',
  {
    timeout: 300_000,
  },
  async ({ mebibytes, valueBytes }, { skip }) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'chaincluster-full-'));
    const reason = mountSmall(dataDir, mebibytes);
    if (reason !== null) {
      await rm(dataDir, { recursive: true });
      console.warn(`skipped: ${reason}`);
      return skip(reason);
    }
    const said: string[] = [];
    let running: LocalCluster | undefined;
    try {
      running = await start(dataDir, said);
      const client = await connect({ endpoints: running.endpoints, timeoutMs: 5000 });
      const acknowledged = new Set<string>();
      const refusal = await putUntilRefused(client, valueBytes, acknowledged);
      expect(refusal).toMatchObject({
        code: 'DISK_FULL',
        message: expect.stringMatching(/the disk of node-\d (has little room left|is full)/),
      });
      expect(acknowledged.size * valueBytes * 3).toBeGreaterThan(0.1 * mebibytes * 1_048_576);
      expect(await failedStores(running)).toEqual([]);

      fill(join(dataDir, 'filler'));
      await sleep(1000);
      await expect(client.put('during', 'x')).rejects.toMatchObject({
        code: 'DISK_FULL',
        message: expect.stringMatching(/the disk of node-\d is full/),
      });
      // Neither its log, nor its store, nor the runner's note can be written now.
      running.kill('node-2');
      await sleep(8000);
      expect(said.filter((line) => line.startsWith('coordinator'))).toEqual([]);

      rmSync(join(dataDir, 'filler'));
      await expect.poll(() => client.delete('key-0').then(() => 'done', String), patience).toBe('done');
      acknowledged.delete('key-0');
      for (const key of acknowledged)
        await expect.poll(() => client.get(key).then((found) => found.found, String), patience).toBe(true);
      client.close();
      expect(said.filter((line) => line.includes('runner.json cannot be written')).length).toBeLessThan(2);
    } finally {
      await running?.stop();
      execFileSync('/bin/umount', [dataDir]);
      await rm(dataDir, { recursive: true });
    }
  },
);

function start(dataDir: string, said: string[]): Promise<LocalCluster> {
  const { cluster } = parseManifest(
    `
apiVersion: chaincluster.dev/v1alpha1
kind: ChainCluster
metadata: {name: full}
spec:
  nodes: 3
  slots: 8
  local: {basePort: ${portsFrom}, dataDir: ${JSON.stringify(dataDir)}}
`,
    'full.yaml',
  );
  const report = { say: (line: string) => said.push(line), progress: () => {} };
  return startCluster({ cluster, layout: layOut(cluster, 'full.yaml', dataDir), report });
}

/** Puts new keys with four callers at once; the first refusal. */
async function putUntilRefused(client: Client, bytes: number, acknowledged: Set<string>): Promise<unknown> {
  let number = 0;
  let refusal: unknown;
  const caller = async (): Promise<void> => {
    while (refusal === undefined) {
      const key = `key-${number++}`;
      try {
        await client.put(key, Buffer.alloc(bytes, key));
        acknowledged.add(key);
      } catch (error) {
        refusal ??= error;
      }
    }
  };
  await Promise.all([caller(), caller(), caller(), caller()]);
  return refusal;
}

async function failedStores({ layout }: LocalCluster): Promise<string[]> {
  const answers = await Promise.all(
    layout.nodes.map(async ({ name, ports }) => {
      const state = (await (await fetch(`http://127.0.0.1:${ports.admin}/state`)).json()) as {
        failed: string;
      };
      return state.failed === '' ? '' : `${name}: ${state.failed}`;
    }),
  );
  return answers.filter((answer) => answer !== '');
}
