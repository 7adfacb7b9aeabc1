/** `export`: all keys and values as JSON lines. */

import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { StoredEntry } from '../client/index.ts';
import { withClient } from './connection.ts';
import type { Context } from './context.ts';
import { keyData, valueData } from './data.ts';
import { CommandFailed } from './exit.ts';
import { progressOn } from './progress.ts';
import type { World } from './world.ts';

/** Lines gather up to this many characters before they are written. */
const writeAt = 65_536;

export async function exportAll({ settings, flags, world }: Context, file?: string): Promise<void> {
  const prefix = Buffer.from(String(flags.prefix ?? ''));
  const sink = file === undefined || file === '-' ? stdoutSink(world) : await fileSink(file);
  const progress = progressOn(world.stderr, 'export');
  let count = 0;
  let lacking = 0;
  await withClient(settings, async (client) => {
    const onDamaged = (key: Uint8Array): void => {
      if (!startsWith(key, prefix)) return;
      lacking++;
      world.stderr.write(`no member has a sound record of ${JSON.stringify(keyData(key))}: it is left out\n`);
    };
    for await (const entry of client.entries({ onDamaged })) {
      progress.update(entry.slot, client.slots, count);
      if (!startsWith(entry.key, prefix)) continue;
      await sink.write(lineOf(entry));
      count++;
    }
  }).finally(() => progress.end());
  await sink.end();
  world.stderr.write(`exported ${count} records\n`);
  if (lacking > 0)
    throw new CommandFailed(
      `${lacking} keys are not in the export: put or delete them, or bring back a member that holds them, and export again`,
    );
}

const lineOf = ({ key, value }: StoredEntry): string =>
  `${JSON.stringify({ ...keyData(key), ...valueData(value) })}\n`;

const startsWith = (key: Uint8Array, prefix: Uint8Array): boolean =>
  key.length >= prefix.length && Buffer.compare(key.subarray(0, prefix.length), prefix) === 0;

interface Sink {
  write(line: string): Promise<void>;
  end(): Promise<void>;
}

/** Gathers lines; waits when the reader is slow. */
function gathering(put: (text: string) => Promise<void>, finish: () => Promise<void>): Sink {
  let text = '';
  const flush = (): Promise<void> => {
    const lines = text;
    text = '';
    return put(lines);
  };
  return {
    async write(line) {
      text += line;
      if (text.length >= writeAt) await flush();
    },
    async end() {
      if (text !== '') await flush();
      await finish();
    },
  };
}

function stdoutSink({ stdout }: World): Sink {
  const put = async (text: string): Promise<void> => {
    if (stdout.write(text) === false) await once(stdout as NodeJS.WriteStream, 'drain');
  };
  return gathering(put, async () => {});
}

async function fileSink(file: string): Promise<Sink> {
  const stream: WriteStream = createWriteStream(file);
  try {
    await once(stream, 'open');
  } catch (error) {
    throw new CommandFailed(`${file} cannot be written: ${(error as Error).message}`);
  }
  const put = async (text: string): Promise<void> => {
    if (!stream.write(text)) await once(stream, 'drain');
  };
  return gathering(put, () => finished(stream.end()));
}
