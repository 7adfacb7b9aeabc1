/** `import`: writes the records of a file, many at once, and tells by line what could not be written. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Bytes, Client } from '../client/index.ts';
import { withClient } from './connection.ts';
import type { Context } from './context.ts';
import { CommandFailed, exitCodes, UsageError } from './exit.ts';
import { fieldOf, type MakeKey, parseTemplate } from './key-template.ts';
import { print } from './output.ts';
import { type Progress, progressOn } from './progress.ts';
import { BrokenFile, type RawRecord, readRecords } from './records.ts';
import { ResumeNote } from './resume.ts';
import { wholeNumberOf } from './settings.ts';
import type { Output } from './world.ts';

/** A record as it is to be written. @throws Error that says what is wrong with the record */
type Convert = (record: RawRecord) => { readonly key: Bytes; readonly value: Bytes };

export async function importFile({ settings, flags, world }: Context, file: string): Promise<void> {
  const { key, value, resume } = flags as { key?: string; value?: string; resume?: string };
  const concurrency = wholeNumberOf('--concurrency', flags.concurrency, { min: 1, max: 10_000 });
  const errorsMax = wholeNumberOf('--max-errors', flags.maxErrors, { min: 0, max: Number.MAX_SAFE_INTEGER });
  if (key === undefined && value !== undefined) throw new UsageError('--value needs --key');
  const convert = key === undefined ? fromExport : byTemplate(parseTemplate(key), value);
  if (resume !== undefined && file === '-')
    throw new UsageError('--resume needs a file: stdin cannot be read again');
  const total = file === '-' ? 0 : await sizeOf(file);
  const note =
    resume === undefined ? null : await ResumeNote.open(resume, file, `${key ?? ''} ${value ?? ''}`);
  const progress = progressOn(world.stderr, 'import');
  const interrupted = interruption();
  const outcome = await withClient(settings, async (client) => {
    const run = new Import({
      client,
      convert,
      concurrency,
      errorsMax,
      note,
      progress,
      total,
      stderr: world.stderr,
    });
    await run.all(file === '-' ? world.stdin : createReadStream(file), interrupted.signal);
    return run;
  }).finally(() => {
    interrupted.end();
    progress.end();
  });
  const seconds = outcome.ms / 1000;
  const { written, failed, skipped } = outcome;
  const opsPerSecond = Math.round(written / seconds);
  print(world.stdout, settings.format ?? 'table', {
    data: { written, failed, skipped, seconds, opsPerSecond },
    table: () => {
      const before = skipped > 0 ? `, ${skipped} were there from before` : '';
      return `imported ${written} records in ${seconds.toFixed(1)} s (${opsPerSecond}/s)${before}, ${failed} errors`;
    },
    value: () => `${written}`,
  });
  if (outcome.stopped !== '')
    throw new CommandFailed(`${outcome.stopped}${hintOf(resume)}`, outcome.exitCode);
  if (failed > 0) throw new CommandFailed(`${failed} records were not written`, exitCodes.error);
}

interface ImportOptions {
  readonly client: Client;
  readonly convert: Convert;
  readonly concurrency: number;
  readonly errorsMax: number;
  readonly note: ResumeNote | null;
  readonly progress: Progress;
  /** Bytes of the file; 0 = not known. */
  readonly total: number;
  readonly stderr: Output;
}

/** The note is written so often: what came after it is written again by the next run, to the same effect. */
const noteEveryMs = 1000;
const noteEveryRecords = 1000;
/** A write may take so long, for it may meet the death of a node. */
const writeMsMin = 30_000;

class Import {
  written = 0;
  failed = 0;
  skipped = 0;
  /** Why it ended early; '' when it did not. */
  stopped = '';
  exitCode: number = exitCodes.error;
  ms = 0;
  readonly #options: ImportOptions;
  #bytes = 0;
  #underWay = 0;
  #wake: (() => void) | null = null;
  /** Numbers of records under way, the oldest first; all before the first of them are done. */
  readonly #open = new Set<number>();
  #last = 0;
  #firstFailed = Number.POSITIVE_INFINITY;
  #notedAt = performance.now();
  #notedWritten = 0;

  constructor(options: ImportOptions) {
    this.#options = options;
  }

  async all(stream: AsyncIterable<string | Buffer>, signal: AbortSignal): Promise<void> {
    const began = performance.now();
    try {
      for await (const record of readRecords(this.#counted(stream))) {
        await this.#room();
        if (signal.aborted) this.stopped = 'it was interrupted';
        if (this.stopped !== '') break;
        this.#take(record);
      }
    } catch (error) {
      this.stopped ||= fileTrouble(error);
    }
    while (this.#underWay > 0) await this.#nextEnd();
    this.ms = performance.now() - began;
    await this.#options.note?.save(this.#doneUpTo());
  }

  async *#counted(stream: AsyncIterable<string | Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of stream) {
      const bytes = Buffer.from(chunk as Buffer);
      this.#bytes += bytes.length;
      yield bytes;
    }
  }

  #take(record: RawRecord): void {
    this.#last = record.number;
    if (record.number <= (this.#options.note?.done ?? 0)) {
      this.skipped++;
      return;
    }
    let entry: ReturnType<Convert>;
    try {
      entry = this.#options.convert(record);
    } catch (error) {
      this.#fail(record, error, exitCodes.error);
      return;
    }
    this.#open.add(record.number);
    this.#underWay++;
    void this.#write(record, entry);
  }

  async #write(record: RawRecord, { key, value }: ReturnType<Convert>): Promise<void> {
    const { client, progress, total } = this.#options;
    try {
      await client.put(key, value, { timeoutMs: writeMsMin });
      this.written++;
    } catch (error) {
      this.#fail(record, error, exitCodes.error);
    }
    this.#open.delete(record.number);
    this.#underWay--;
    this.#wake?.();
    progress.update(this.#bytes, total, this.written + this.skipped);
    this.#noteNow();
  }

  #fail(record: RawRecord, error: unknown, exitCode: number): void {
    this.failed++;
    this.#firstFailed = Math.min(this.#firstFailed, record.number);
    const code = (error as { code?: string }).code;
    const why = `${code === undefined ? '' : `${code}: `}${(error as Error).message}`;
    this.#options.progress.end();
    this.#options.stderr.write(`line ${record.line}, record ${record.number}: ${why}\n`);
    if (this.failed <= this.#options.errorsMax || this.stopped !== '') return;
    this.exitCode = exitCode;
    this.stopped = `stopped after ${this.failed} errors; --max-errors allows more`;
  }

  #noteNow(): void {
    const { note } = this.#options;
    if (note === null) return;
    const due = this.written - this.#notedWritten >= noteEveryRecords;
    if (!due && performance.now() - this.#notedAt < noteEveryMs) return;
    this.#notedAt = performance.now();
    this.#notedWritten = this.written;
    // The last save comes behind this one, and tells what was wrong with it.
    note.save(this.#doneUpTo()).catch(() => {});
  }

  /** Records that failed are not done: the next run tries them again. */
  #doneUpTo(): number {
    const oldestOpen = this.#open.values().next().value ?? this.#last + 1;
    return Math.max(this.#options.note?.done ?? 0, Math.min(oldestOpen, this.#firstFailed) - 1);
  }

  async #room(): Promise<void> {
    while (this.#underWay >= this.#options.concurrency) await this.#nextEnd();
  }

  #nextEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = null;
        resolve();
      };
    });
  }
}

function fileTrouble(error: unknown): string {
  if (error instanceof BrokenFile) return error.message;
  return `the file cannot be read on: ${(error as Error).message}`;
}

const hintOf = (resume: string | undefined): string =>
  resume === undefined ? '' : `; the same command goes on from there (${resume})`;

async function sizeOf(file: string): Promise<number> {
  try {
    const { size } = await stat(file);
    return size;
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

/** Ctrl-C lets what is under way end, so that it can be told what was written; a second one ends at once. */
function interruption(): { readonly signal: AbortSignal; end(): void } {
  const control = new AbortController();
  const onSignal = (): void => {
    if (control.signal.aborted) process.exit(exitCodes.error);
    control.abort();
  };
  process.on('SIGINT', onSignal);
  return { signal: control.signal, end: () => process.off('SIGINT', onSignal) };
}

function byTemplate(makeKey: MakeKey, field: string | undefined): Convert {
  const path = field?.split('.');
  return ({ bytes, number }) => {
    const record = parseRecord(bytes);
    const key = makeKey(record, number);
    if (path === undefined) return { key, value: trim(bytes) };
    const value = fieldOf(record, path);
    return { key, value: typeof value === 'string' ? value : JSON.stringify(value) };
  };
}

/** Records that `export` wrote: key or key64, value or value64. */
const fromExport: Convert = ({ bytes }) => {
  const record = parseRecord(bytes) as Readonly<Record<string, unknown>>;
  return { key: partOf(record, 'key'), value: partOf(record, 'value') };
};

function partOf(record: Readonly<Record<string, unknown>>, name: 'key' | 'value'): Bytes {
  const text = record?.[name];
  const coded = record?.[`${name}64`];
  if (typeof text === 'string') return text;
  if (typeof coded === 'string') return Buffer.from(coded, 'base64');
  throw new Error(
    `there is no text "${name}" (or "${name}64" in base64), as export writes it; ` +
      'say with --key how keys are made from other records',
  );
}

function parseRecord(bytes: Buffer): unknown {
  try {
    return JSON.parse(strictText.decode(bytes));
  } catch (error) {
    const why = error instanceof SyntaxError ? `it is not JSON: ${error.message}` : 'it is not UTF-8 text';
    throw new Error(why);
  }
}
const strictText = new TextDecoder('utf-8', { fatal: true });

/** Without the blanks around it; a copy, for the bytes lie in a chunk of the file. */
function trim(bytes: Buffer): Buffer {
  let from = 0;
  let to = bytes.length;
  while (from < to && (bytes[from] as number) <= 0x20) from++;
  while (to > from && (bytes[to - 1] as number) <= 0x20) to--;
  return bytes.subarray(from, to);
}
