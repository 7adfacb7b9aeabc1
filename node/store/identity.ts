/** The identity of a store: a file beside the database, written last when a store is created and never again. */
import { randomUUID } from 'node:crypto';
import { access, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { StoreId } from '../../protocol/words.ts';
import { databaseOf, encodings } from './database.ts';
import { metaKey } from './keys.ts';
import { encodeJson, metaRecord } from './meta.ts';
import { StoreError } from './store.ts';
import { syncFolder } from './sync-point.ts';

const storeFormat = 2;

export interface StoreIdentity {
  readonly format: number;
  readonly storeId: StoreId;
  readonly clusterName: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

const fileOf = (folder: string): string => join(folder, 'identity.json');
const draftOf = (folder: string): string => join(folder, 'identity.json.new');

/**
 * Makes an empty store for a node of this cluster, durably. Only an explicit bootstrap may call it: a node that lost
 * its folder must not begin blank by accident. A creation that was cut short is begun again.
 * @throws StoreError STORE_EXISTS when the folder holds a store, or the database of one.
 */
export async function createStore(folder: string, clusterName: string): Promise<StoreIdentity> {
  if (await exists(fileOf(folder)))
    throw new StoreError('STORE_EXISTS', `${folder} already holds a store; open it, or take another folder.`);
  await mkdir(folder, { recursive: true });
  await clearDraft(folder);
  const identity: StoreIdentity = {
    format: storeFormat,
    storeId: randomUUID() as string as StoreId,
    clusterName,
    createdAt: new Date().toISOString(),
  };
  await writeSynced(draftOf(folder), `${JSON.stringify(identity, null, 2)}\n`);
  await createDatabase(folder, identity.storeId);
  await rename(draftOf(folder), fileOf(folder));
  await syncFolder(folder);
  await syncFolder(dirname(folder));
  return identity;
}

async function clearDraft(folder: string): Promise<void> {
  const drafted = await exists(draftOf(folder));
  const files = await readdir(databaseOf(folder)).catch(() => []);
  if (files.length > 0 && !drafted)
    throw new StoreError(
      'STORE_EXISTS',
      `${folder} holds a database but no identity.json, so it is not known whose data this is; put the file back, or move the folder away.`,
    );
  await rm(databaseOf(folder), { recursive: true, force: true });
}

/** The store's id lies in the database too, so that a database and an identity that do not belong together are found. */
async function createDatabase(folder: string, id: StoreId): Promise<void> {
  const database = new ClassicLevel<Buffer, Uint8Array>(databaseOf(folder), {
    ...encodings,
    errorIfExists: true,
  });
  await database.open();
  const { key, value } = metaRecord(metaKey('store'), encodeJson({ storeId: id }));
  try {
    await database.put(key, value, { sync: true });
  } finally {
    await database.close();
  }
}

/**
 * @throws StoreError NO_STORE, OTHER_FORMAT, OTHER_CLUSTER, or STORE_CORRUPT when the file is not an identity.
 */
export async function readIdentity(folder: string, clusterName: string): Promise<StoreIdentity> {
  const identity = parseIdentity(folder, await readIdentityFile(folder));
  if (identity.format !== storeFormat)
    throw new StoreError(
      'OTHER_FORMAT',
      `store ${folder} has format ${identity.format}, this program reads format ${storeFormat}; run the release that wrote it.`,
    );
  if (identity.clusterName !== clusterName)
    throw new StoreError(
      'OTHER_CLUSTER',
      `store ${folder} belongs to cluster ${identity.clusterName}, not to ${clusterName}; give this node its own folder.`,
    );
  return identity;
}

async function readIdentityFile(folder: string): Promise<string> {
  try {
    return await readFile(fileOf(folder), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new StoreError(
        'STORE_FAILED',
        `${fileOf(folder)} cannot be read; check its permissions and the disk.`,
        error,
      );
    throw new StoreError(
      'NO_STORE',
      `${folder} holds no store (no identity.json); create one if this node is to begin blank.`,
    );
  }
}

function parseIdentity(folder: string, text: string): StoreIdentity {
  try {
    const identity = JSON.parse(text) as StoreIdentity;
    if (typeof identity.format === 'number' && typeof identity.storeId === 'string') return identity;
  } catch {
    // Said below.
  }
  throw new StoreError(
    'STORE_CORRUPT',
    `${fileOf(folder)} is no identity of a store; the node must come back blank, in an empty folder.`,
  );
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
