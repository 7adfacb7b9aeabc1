/** `drain` and `undrain`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type DrainProgress, drainNode } from '../client/cluster.ts';
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
  printDrain(
    { settings, world },
    node,
    progress,
    progress.left ? `${node} is in no chain` : `${node} leaves its chains`,
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
