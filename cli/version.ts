/** `version`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from './context.ts';
import { print } from './output.ts';

export async function version({ settings, world }: Context): Promise<void> {
  const file = join(import.meta.dirname, '..', 'package.json');
  const { version: release } = JSON.parse(await readFile(file, 'utf8')) as { version: string };
  print(world.stdout, settings.format ?? 'table', {
    data: { version: release, node: process.versions.node },
    table: () => `chainctl ${release} (Node ${process.versions.node})`,
    value: () => release,
  });
}
