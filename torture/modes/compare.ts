/** Every known key from every member of its chain: what is stale, and what differs. */
import type { Client } from '../../client/index.ts';
import { patient } from '../load/patient.ts';
import type { KnownKeys } from './known.ts';

const atOnce = 32;

export async function compareKnown(client: Client, keys: KnownKeys): Promise<string[]> {
  const wrong: string[] = [];
  const left = keys.names[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (const key of left) {
      const members = client.route(client.slotOf(key))?.members ?? [];
      const seen = new Set<string>();
      for (const { node } of members) {
        const answer = await patient(() => keys.readAt(client, key, node));
        if (answer.wrong !== '') wrong.push(answer.wrong);
        seen.add(answer.seen);
      }
      if (seen.size !== 1)
        wrong.push(`${key} differs between members: ${[...seen].join('; ') || 'none answered'}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return wrong;
}
