/** Ten times more than the cluster can do for a minute: what a node holds stays below a stated figure and is given back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ChainError, type Client, connect } from '../../client/index.ts';
import { mib, type Watched, watch } from '../report/watch.ts';
import type { Rig } from '../rig/rig.ts';

export interface OverloadOptions {
  readonly seconds: number;
  readonly tell: (line: string) => void;
}

/** More than a node may hold beyond what it holds at rest, whatever is asked of it. */
export const overloadBytesMax = 640 * 1_048_576;
/** Until a node must answer as before. */
const normalMs = 5000;
/** Calls that are under way at once: ten times the number at which a cluster of this size has most throughput. */
const sessions = 8;
const underWay = 10 * 128;
const valueBytes = 4096;
const timeoutMs = 2000;

export async function overload(rig: Rig, { seconds, tell }: OverloadOptions): Promise<string[]> {
  const clients = await Promise.all(
    Array.from({ length: sessions }, () => connect({ endpoints: rig.endpoints, timeoutMs })),
  );
  const wrong: string[] = [];
  try {
    const atRest = await watch(rig);
    const quiet = await medianPutMs(clients[0] as Client);
    const until = performance.now() + seconds * 1000;
    const counts = { done: 0, shed: 0 };
    const busy = clients.flatMap((client, c) =>
      Array.from({ length: underWay / sessions }, (_, i) => push(client, `${c}/${i}`, until, counts)),
    );
    const peak = new Map<string, number>();
    while (performance.now() < until) {
      note(peak, await watch(rig));
      await sleep(500);
    }
    await Promise.all(busy);
    const ended = performance.now();
    let after = await medianPutMs(clients[0] as Client);
    while (after > Math.max(50, quiet * 5) && performance.now() - ended < normalMs)
      after = await medianPutMs(clients[0] as Client);
    tell(
      `${underWay} calls at once for ${seconds} s: ${counts.done} done, ${counts.shed} shed or late; ` +
        `a put takes ${quiet.toFixed(1)} ms before, ${after.toFixed(1)} ms ${((performance.now() - ended) / 1000).toFixed(1)} s after`,
    );
    if (after > Math.max(50, quiet * 5))
      wrong.push(`a put still takes ${after.toFixed(0)} ms ${normalMs / 1000} s after`);
    for (const [name, bytes] of peak) {
      const grown = bytes - (atRest.get(name)?.residentBytes ?? 0);
      tell(`${name} held ${mib(grown)} MiB more at most`);
      if (grown > overloadBytesMax)
        wrong.push(`${name} held ${mib(grown)} MiB more; ${mib(overloadBytesMax)} are allowed`);
    }
  } finally {
    for (const client of clients) client.close();
  }
  return wrong;
}

async function push(
  client: Client,
  name: string,
  until: number,
  counts: { done: number; shed: number },
): Promise<void> {
  for (let i = 0; performance.now() < until; i++)
    try {
      await client.put(`overload/${name}/${i % 8}`, Buffer.alloc(valueBytes, i & 255));
      counts.done++;
    } catch (error) {
      if (!(error instanceof ChainError)) throw error;
      counts.shed++;
    }
}

function note(peak: Map<string, number>, now: Watched): void {
  for (const [name, { residentBytes }] of now) peak.set(name, Math.max(peak.get(name) ?? 0, residentBytes));
}

async function medianPutMs(client: Client): Promise<number> {
  const took: number[] = [];
  for (let i = 0; i < 9; i++) {
    const began = performance.now();
    await client.put(`normal/${i}`, 'x', { timeoutMs: 10_000 }).catch(() => {});
    took.push(performance.now() - began);
  }
  return took.sort((a, b) => a - b)[4] as number;
}
