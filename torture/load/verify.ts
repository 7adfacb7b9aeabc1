/**
 * After the run: every key that was ever written is read from each member of its chain by itself. What a member answers
 * goes into the history as a strong read, so that the checker finds whatever was acknowledged and is not there; and the
 * answers of all members must be the same.
 */
import { type Client, connect } from '../../client/index.ts';
import { isRead } from '../../sim/checker/history.ts';
import { patient } from './patient.ts';
import { answerOf, type Recorder } from './recorder.ts';

export interface Compared {
  readonly keys: number;
  readonly reads: number;
  /** Sentences about keys that members disagree on, or that a member did not give. */
  readonly different: readonly string[];
}

const atOnce = 16;

export async function compareMembers(endpoints: readonly string[], recorder: Recorder): Promise<Compared> {
  const client = await connect({ endpoints, timeoutMs: 20_000 });
  const keys = [...new Set(recorder.records.filter((r) => !isRead(r)).map((r) => r.key))];
  const left = keys[Symbol.iterator]();
  const different: string[] = [];
  let reads = 0;
  const work = async (): Promise<void> => {
    for (const key of left) {
      const members = client.route(client.slotOf(key))?.members.map(({ node }) => node) ?? [];
      if (members.length === 0) different.push(`${key}: no chain is known for it`);
      const told = new Map<string, string>();
      for (const node of members) {
        const answer = await readAt(client, key, node, recorder);
        reads++;
        told.set(node, answer);
      }
      if (new Set(told.values()).size > 1)
        different.push(`${key}: ${[...told].map(([node, answer]) => `${node} ${answer}`).join('; ')}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } finally {
    client.close();
  }
  return { keys: keys.length, reads, different };
}

async function readAt(client: Client, key: string, node: string, recorder: Recorder): Promise<string> {
  try {
    return await patient(async () => {
      const call = performance.now();
      const result = answerOf(await client.get(key, { node }));
      recorder.note({
        client: recorder.nextClient(),
        key,
        call,
        ret: performance.now(),
        op: { kind: 'get', level: 'strong' },
        result,
      });
      return JSON.stringify(result).slice(0, 200);
    });
  } catch (error) {
    return (error as Error).message;
  }
}
