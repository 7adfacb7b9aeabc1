import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { key, type Slot, slot } from '../../protocol/words.ts';
import { createStore } from './identity.ts';
import { openStore } from './open.ts';
import type { Durability, Store } from './store.ts';

const child = fileURLToPath(new URL('./crash-child.ts', import.meta.url));

test.each(['fsync', 'os'] as const)(
  'kill -9 in the middle of writes loses nothing acknowledged (%s)',
  { timeout: 120_000 },
  async (durability) => {
    const folder = await mkdtemp(join(tmpdir(), 'crash-'));
    await createStore(folder, 'test');
    try {
      for (let round = 0; round < 10; round++) {
        const acknowledged = await runAndKill(folder, durability, 20 + round * 13);
        const { store, boot, lockProof } = await openStore({ folder, clusterName: 'test' });
        expect(lockProof).toBe(true);
        for (const [i, of] of [slot(1), slot(2)].entries()) {
          const found = boot.slots.find((s) => s.slot === of)!;
          const end = found.log.at(-1)?.seq ?? found.start.seq;
          expect(end).toBeGreaterThanOrEqual(acknowledged[i]!);
          // Marks are of the batch that the log ends with: batches are whole.
          expect(found.marks.commit.seq).toBe(end);
          expect(found.syncedEnd).toBeUndefined();
          await expectNewestValues(store, of, found.log);
        }
        await store.close();
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

/** Runs a writer until it acknowledged so many batches, kills it, and returns the last acknowledged sequences. */
async function runAndKill(folder: string, durability: Durability, batches: number): Promise<number[]> {
  const writer = spawn(process.execPath, [child, folder, durability], { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(writer, 'close');
  const errors: Buffer[] = [];
  writer.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  let lines = 0;
  let last = '';
  for await (const line of createInterface(writer.stdout)) {
    last = line;
    if (++lines === batches) writer.kill('SIGKILL');
  }
  await closed;
  expect([lines >= batches, Buffer.concat(errors).toString()]).toEqual([true, '']);
  return last.split(' ').map(Number);
}

/** Everything in the log was applied in the batch that appended it. */
async function expectNewestValues(
  store: Store,
  of: Slot,
  log: readonly { key: string; bytes: Uint8Array }[],
): Promise<void> {
  const newest = new Map(log.map((e) => [e.key, Buffer.from(e.bytes).toString('hex')]));
  for (const [name, bytes] of newest) {
    const found = await store.getAsync(of, key(name));
    expect(found instanceof Uint8Array && Buffer.from(found).toString('hex')).toBe(bytes);
  }
}
