/** A note of how far an import came, so that the next one goes on from there. */
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CommandFailed, UsageError } from './exit.ts';

interface Note {
  readonly file: string;
  readonly bytes: number;
  readonly modified: number;
  /** What the import was told to do with each record. */
  readonly as: string;
  /** Every record up to this number was written. */
  readonly done: number;
}

export class ResumeNote {
  readonly #path: string;
  readonly #about: Omit<Note, 'done'>;
  #saving: Promise<void> = Promise.resolve();
  readonly done: number;

  private constructor(path: string, about: Omit<Note, 'done'>, done: number) {
    this.#path = path;
    this.#about = about;
    this.done = done;
  }

  /** @throws UsageError when the note is about another file, or about other keys */
  static async open(path: string, file: string, as: string): Promise<ResumeNote> {
    const { size, mtimeMs } = await stat(file);
    const about = { file: resolve(file), bytes: size, modified: mtimeMs, as };
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw new UsageError(`--resume ${path} cannot be read: ${error.message}`);
    });
    if (text === null) return new ResumeNote(path, about, 0);
    const note = parseNote(path, text);
    const differs = (Object.keys(about) as (keyof typeof about)[]).find(
      (field) => note[field] !== about[field],
    );
    if (differs !== undefined)
      throw new UsageError(
        `--resume ${path} is about another import (${differs} was ${note[differs]}, is ${about[differs]}); ` +
          'remove it to begin anew',
      );
    return new ResumeNote(path, about, note.done);
  }

  /**
   * Written aside first: a crash leaves the old note or the new one.
   * @throws CommandFailed when it, or one before it, could not be written
   */
  save(done: number): Promise<void> {
    this.#saving = this.#saving.then(() => this.#write(done));
    return this.#saving;
  }

  async #write(done: number): Promise<void> {
    try {
      await writeFile(`${this.#path}.new`, `${JSON.stringify({ ...this.#about, done })}\n`);
      await rename(`${this.#path}.new`, this.#path);
    } catch (error) {
      const what = `--resume ${this.#path} cannot be written: ${(error as Error).message}`;
      throw new CommandFailed(`${what}; what was imported is in the store, but the next run will begin anew`);
    }
  }
}

function parseNote(path: string, text: string): Note {
  try {
    const note = JSON.parse(text) as Note;
    if (Number.isSafeInteger(note.done) && note.done >= 0) return note;
  } catch {
    // Told below.
  }
  throw new UsageError(`--resume ${path} holds no note of an import; name another file`);
}
