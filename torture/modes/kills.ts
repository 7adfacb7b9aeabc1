/** All processes are killed at once, again and again, while clients write; whatever was acknowledged must be there. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../client/index.ts';
import { createRandom } from '../../sim/random.ts';
import type { Rig } from '../rig/rig.ts';
import { compareKnown } from './compare.ts';
import { KnownKeys } from './known.ts';

export interface KillOptions {
  readonly kills: number;
  readonly writers: number;
  readonly seed: number;
  readonly tell: (line: string) => void;
}

const keyCount = 2000;
/** Large values let a store write tables all the time, so that many a kill finds it at that. */
const largeBytes = 100_000;
const largeShare = 0.2;
/** All members are compared after so many kills, and after the last one. */
const compareEvery = 20;

export async function kills(rig: Rig, { kills: count, writers, seed, tell }: KillOptions): Promise<string[]> {
  const random = createRandom(seed);
  const client = await connect({ endpoints: rig.endpoints, timeoutMs: 60_000 });
  const keys = new KnownKeys(() => (random.chance(largeShare) ? largeBytes : 200));
  const wrong: string[] = [];
  try {
    for (let i = 1; i <= count && wrong.length === 0; i++) {
      let stopped = false;
      const write = async (w: number): Promise<void> => {
        while (!stopped) await keys.write(client, `kill/${random.int(keyCount / writers) * writers + w}`);
      };
      const busy = Array.from({ length: writers }, (_, w) => write(w));
      await sleep(random.between(100, 700));
      const names = [...rig.coordinators, ...rig.nodes].map(({ name }) => name);
      await Promise.all(names.map((name) => rig.kill(name)));
      for (const name of names) rig.revive(name);
      if (!(await rig.full(60_000))) wrong.push(`chains are not full 60 s after kill ${i} of all processes`);
      stopped = true;
      await Promise.all(busy);
      if (i % compareEvery === 0 || i === count) {
        wrong.push(...(await compareKnown(client, keys)), ...(await setAside(rig)));
        tell(
          `kill ${i} of all ${names.length} processes: ${keys.writes} writes acknowledged, ${wrong.length} wrong`,
        );
      }
    }
  } finally {
    client.close();
  }
  return wrong;
}

/** A process that is killed damages nothing, so no store may be taken for damaged. */
async function setAside(rig: Rig): Promise<string[]> {
  const whys = rig.nodes.map(({ name, folder }) =>
    readFile(join(folder, 'damaged', 'why.txt'), 'utf8').then(
      (why) => [`${name} set its store aside: ${why.trimEnd()}`],
      () => [],
    ),
  );
  return (await Promise.all(whys)).flat();
}
