/** `drain` and `undrain`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { clusterStatus, type DrainProgress, drainNode } from '../client/cluster.ts';
import type { Context } from './context.ts';
import { print } from './output.ts';

const lookMs = 250;

/** Waits as long as it takes: how long depends on what has to be copied. Ctrl-C ends the waiting, not the drain. */
export async function drain({ settings, flags, world }: Context, node: string): Promise<void> {
  const order = { ...settings, node, cancel: false };
  let progress = await drainNode(order);
  let told = -1;
  while (flags.wait !== false && !progress.left) {
    if (progress.chains !== told) world.stderr.write(`${node} is in ${progress.chains} chains\n`);
    told = progress.chains;
    await sleep(lookMs);
    progress = await drainNode(order);
  }
  const short = progress.left ? await copiesLeft(settings) : '';
  if (short !== '') world.stderr.write(`warning: ${short}\n`);
  printDrain(
    { settings, world },
    node,
    progress,
    progress.left ? `${node} is in no chain` : `${node} leaves its chains`,
  );
}

/** A drain goes on where no other node can take the copies: who ordered it must hear how many are left. */
async function copiesLeft(settings: Context['settings']): Promise<string> {
  const { chains } = await clusterStatus(settings);
  const short = chains.filter(({ assignment, desired }) => assignment.members.length < desired);
  if (short.length === 0) return '';
  const fewest = Math.min(...short.map(({ assignment }) => assignment.members.length));
  return (
    `${short.length} of ${chains.length} chains have fewer copies than replicationFactor ${short[0]?.desired} wants now, ` +
    `the fewest ${fewest}; add nodes, or take the drain back with chainctl undrain`
  );
}

export async function undrain({ settings, world }: Context, node: string): Promise<void> {
  const progress = await drainNode({ ...settings, node, cancel: true });
  printDrain({ settings, world }, node, progress, `${node} may take part in chains again`);
}

function printDrain(
  { settings, world }: Pick<Context, 'settings' | 'world'>,
  node: string,
  { chains, left }: DrainProgress,
  sentence: string,
): void {
  print(world.stdout, settings.format ?? 'table', {
    data: { node, chains, left },
    table: () => sentence,
    value: () => `${chains}`,
  });
}
