/**
 * A store that lost what it promised is set aside, whole, and the node begins blank: its chains copy the data to it. One
 * is kept, in `damaged` beside the new store; nothing is deleted, so a second one is refused until a person removed the first.
 */
import { existsSync, readFileSync } from 'node:fs';
import { access, mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { databaseOf } from './database.ts';
import { StoreError } from './store.ts';
import { syncFolder } from './sync-point.ts';

const asideOf = (folder: string): string => join(folder, 'damaged');
/** Written last: without it the moving was cut short, and goes on. */
const reasonOf = (folder: string): string => join(asideOf(folder), 'why.txt');

/**
 * Moves the files of the damaged store away. Resolves to where they are.
 * @throws StoreError STORE_CORRUPT when another one lies there already
 */
export async function setAside(folder: string, why: StoreError): Promise<string> {
  const aside = asideOf(folder);
  if (await exists(reasonOf(folder)))
    throw new StoreError(
      'STORE_CORRUPT',
      `${why.message} An older damaged store lies in ${aside} already: look at the disk, remove that folder, and start the node again; it then begins blank.`,
      why,
    );
  await mkdir(aside, { recursive: true });
  for (const path of [databaseOf(folder), join(folder, 'identity.json.new'), join(folder, 'identity.json')])
    await moveInto(path, aside);
  const reason = await open(reasonOf(folder), 'w');
  try {
    await reason.writeFile(`${new Date().toISOString()} ${why.message}\n`);
    await reason.sync();
  } finally {
    await reason.close();
  }
  await syncFolder(aside);
  await syncFolder(folder);
  return aside;
}

/** Whether a store of this folder was set aside; without another one the node was about to begin blank. */
export const wasSetAside = (folder: string): Promise<boolean> => exists(reasonOf(folder));

/** Where that store lies and why, in a sentence; '' when none was set aside, or a person removed it. */
export function whySetAside(folder: string): string {
  if (!existsSync(reasonOf(folder))) return '';
  return `its store was set aside in ${asideOf(folder)}: ${readFileSync(reasonOf(folder), 'utf8').trim()}`;
}

async function moveInto(path: string, aside: string): Promise<void> {
  if (await exists(path)) await rename(path, join(aside, path.slice(path.lastIndexOf('/') + 1)));
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
