/** Memory and handles of every process, before and after. */
import { type Figures, figuresOf } from '../rig/admin.ts';
import type { Rig } from '../rig/rig.ts';

export type Watched = ReadonlyMap<string, Figures>;

export async function watch(rig: Rig): Promise<Watched> {
  const found = new Map<string, Figures>();
  for (const plan of [...rig.coordinators, ...rig.nodes]) {
    const figures = await figuresOf(plan);
    if (figures !== null) found.set(plan.name, figures);
  }
  return found;
}

const mebibyte = 1_048_576;
/** Memory that a process may hold beyond what it held when it was young: caches fill, and a collector has no hurry. */
export const grownBytesMax = 160 * mebibyte;
export const grownHandlesMax = 40;

/** What did not come back to where it was, in sentences. */
export function grown(before: Watched, after: Watched): string[] {
  const sentences: string[] = [];
  for (const [name, then] of before) {
    const now = after.get(name);
    if (now === undefined) {
      sentences.push(`${name} does not answer`);
      continue;
    }
    if (now.residentBytes > then.residentBytes + grownBytesMax)
      sentences.push(`${name} holds ${mib(now.residentBytes)} MiB, and held ${mib(then.residentBytes)}`);
    if (now.handles > then.handles + grownHandlesMax)
      sentences.push(`${name} holds ${now.handles} handles, and held ${then.handles}`);
  }
  return sentences;
}

export const mib = (bytes: number): string => (bytes / mebibyte).toFixed(0);
