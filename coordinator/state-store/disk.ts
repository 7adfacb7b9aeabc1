/**
 * A state store in a folder, shared by all coordinators of one machine. Each content of an object is a file of its own,
 * `<object>.<number>.json`, that is made with link(2): the system lets exactly one process create a name, so the one
 * that makes number n+1 has swapped number n, without a lock that a dead process could keep. The highest number is the
 * object; it is never deleted, only lower ones are.
 *
 * A tag is the number and which file that is (its inode and the time of its writing): when somebody emptied the folder
 * the numbers begin anew, and a number alone would name a content that nobody has seen.
 */
import type { BigIntStats } from 'node:fs';
import { link, mkdir, open, readdir, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '../../process/endings.ts';
import type { StoredObject } from '../../protocol/coordinator/contract.ts';
import type { StateStore, Stored, Written } from './state-store.ts';

/** Contents kept below the present one, for people who look at what happened. */
const keep = 8;

/** Opens the folder, and makes it when it is missing. @throws StartError when it cannot be used. */
export async function openDiskStateStore(folder: string): Promise<StateStore> {
  try {
    await mkdir(folder, { recursive: true });
    await syncFolder(folder);
  } catch (error) {
    throw new StartError(
      `the state folder ${folder} cannot be used: ${(error as Error).message}; check the path and its permissions`,
    );
  }
  return new DiskStateStore(folder);
}

class DiskStateStore implements StateStore {
  readonly names: StateStore['names'];
  readonly #folder: string;
  #drafts = 0;

  constructor(folder: string) {
    this.#folder = folder;
    this.names = {
      lease: `the files ${join(folder, 'lease.*.json')}`,
      state: `the files ${join(folder, 'state.*.json')}, of which the highest number counts`,
    };
  }

  async read(object: StoredObject): Promise<Stored> {
    for (;;) {
      const newest = (await this.#numbers(object)).at(-1);
      if (newest === undefined) return { value: null, tag: null };
      try {
        return await readTagged(this.#file(object, newest), newest);
      } catch (error) {
        // Replaced and cleaned away since the folder was listed: there is a newer one.
        if (codeOf(error) !== 'ENOENT') throw error;
      }
    }
  }

  async write(object: StoredObject, value: string, expect: string | null): Promise<Written> {
    const newest = (await this.#numbers(object)).at(-1);
    const found = newest === undefined ? null : await this.#tagOf(object, newest);
    if (found !== expect) return { kind: 'conflict' };
    const number = (newest ?? 0) + 1;
    this.#drafts++;
    const draft = join(this.#folder, `${object}.draft-${process.pid}-${this.#drafts}`);
    let tag: string;
    try {
      tag = await writeSynced(draft, value, number);
      await link(draft, this.#file(object, number));
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return { kind: 'conflict' };
      throw new Error(
        `the ${object} cannot be saved in ${this.#folder}: ${(error as Error).message}; if its disk is full, make room on it`,
        { cause: error },
      );
    } finally {
      await rm(draft, { force: true });
    }
    await syncFolder(this.#folder);
    await this.#clean(object, number);
    return { kind: 'written', tag };
  }

  async close(): Promise<void> {}

  /**
   * A writer that was suspended between its look and its link may have made a name anew that was cleaned away long ago:
   * then there is a higher number. That one may as well stand on this one, so nobody knows.
   */
  async #clean(object: StoredObject, mine: number): Promise<void> {
    const numbers = await this.#numbers(object);
    if (numbers.at(-1) !== mine)
      throw new Error(`another coordinator wrote ${object} at the same time; it must be read again`);
    for (const number of numbers)
      if (number < mine - keep)
        await unlink(this.#file(object, number)).catch((error: unknown) => {
          if (codeOf(error) !== 'ENOENT') throw error;
        });
  }

  /** '' when it was cleaned away since the folder was listed: no writer expects that. */
  async #tagOf(object: StoredObject, number: number): Promise<string> {
    try {
      return tagOf(number, await stat(this.#file(object, number), { bigint: true }));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return '';
      throw error;
    }
  }

  async #numbers(object: StoredObject): Promise<number[]> {
    const numbers: number[] = [];
    for (const name of await this.#list()) {
      const match = fileShape.exec(name);
      if (match?.[1] === object) numbers.push(Number(match[2]));
    }
    return numbers.sort((a, b) => a - b);
  }

  async #list(): Promise<string[]> {
    try {
      return await readdir(this.#folder);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      throw new Error(
        `the state folder ${this.#folder} is gone: put it back, or start the coordinators anew, which make an empty one, and then run chainctl recover`,
      );
    }
  }

  #file(object: StoredObject, number: number): string {
    return join(this.#folder, `${object}.${number}.json`);
  }
}

const fileShape = /^(lease|state)\.(\d+)\.json$/;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

const tagOf = (number: number, { ino, mtimeNs }: BigIntStats): string => `${number}-${ino}-${mtimeNs}`;

/** Content and tag of one and the same file, also when another one takes its name meanwhile. */
async function readTagged(path: string, number: number): Promise<Stored> {
  const file = await open(path, 'r');
  try {
    // First the tag: where the file is changed meanwhile, the tag is not that of the change.
    const tag = tagOf(number, await file.stat({ bigint: true }));
    return { value: await file.readFile('utf8'), tag };
  } finally {
    await file.close();
  }
}

/** Returns the tag that the file has under this number. */
async function writeSynced(path: string, text: string, number: number): Promise<string> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(text);
    await file.sync();
    return tagOf(number, await file.stat({ bigint: true }));
  } finally {
    await file.close();
  }
}

/** A name is durable when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
