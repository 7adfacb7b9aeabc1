/** `get`, `put`, `del` and `add`. */
import type { ReadLevel, ReadResult, WriteOptions } from '../client/index.ts';
import { type ConditionFlags, conditionsOf, type KeyFlags, keyOf, readValue, showKey } from './arguments.ts';
import { withClient } from './connection.ts';
import type { Context } from './context.ts';
import { CommandFailed, exitCodes, UsageError } from './exit.ts';
import { print } from './output.ts';
import { wholeNumberOf } from './settings.ts';

interface GetFlags extends KeyFlags {
  readonly level: ReadLevel;
  readonly boundMs?: string;
  readonly node?: string;
}

export async function get({ settings, flags, world }: Context, keyText: string): Promise<void> {
  const { level, boundMs, node, ...keyFlags } = flags as GetFlags;
  const key = keyOf(keyText, keyFlags);
  if ((level === 'bounded') !== (boundMs !== undefined))
    throw new UsageError('--bound-ms and --level bounded belong together');
  const bound =
    boundMs === undefined ? undefined : wholeNumberOf('--bound-ms', boundMs, { min: 1, max: 86_400_000 });
  const result = await withClient(settings, (client) => client.get(key, { level, boundMs: bound, node }));
  if (!result.found)
    throw new CommandFailed(`NOT_FOUND: there is no key ${showKey(Buffer.from(key))}`, exitCodes.notFound);
  // The value and nothing else, with the end of line that a terminal and a script's loop want; `-o value` leaves it out.
  if (settings.format === undefined || settings.format === 'table') {
    world.stdout.write(result.value);
    if (result.value.at(-1) !== newline) world.stdout.write('\n');
  } else
    print(world.stdout, settings.format, {
      data: { ...keyData(Buffer.from(key)), ...foundData(result) },
      table: () => '',
      value: () => result.value,
    });
}

const newline = 10;

export async function put(
  { settings, flags, world }: Context,
  keyText: string,
  valueText: string,
): Promise<void> {
  const key = keyOf(keyText, flags);
  const conditions = writeOptions(flags);
  const value = await readValue(valueText, flags.literal === true, world);
  const result = await withClient(settings, (client) => client.put(key, value, conditions));
  print(world.stdout, settings.format ?? 'table', {
    data: {
      ...keyData(Buffer.from(key)),
      revision: result.revision,
      version: result.version,
      created: result.created,
    },
    table: () =>
      `${result.created ? 'created' : 'updated'} revision=${result.revision} version=${result.version}`,
    value: () => `${result.revision}`,
  });
}

export async function del({ settings, flags, world }: Context, keyText: string): Promise<void> {
  const key = keyOf(keyText, flags);
  const conditions = writeOptions(flags);
  const result = await withClient(settings, (client) => client.delete(key, conditions));
  print(world.stdout, settings.format ?? 'table', {
    data: { ...keyData(Buffer.from(key)), found: result.found, revision: result.revision },
    table: () => (result.found ? `deleted revision=${result.revision}` : 'there was no such key'),
    value: () => `${result.revision}`,
  });
}

export async function add(
  { settings, flags, world }: Context,
  keyText: string,
  numberText: string,
): Promise<void> {
  const key = keyOf(keyText, flags);
  const conditions = writeOptions(flags);
  if (!/^[+-]?\d+$/.test(numberText))
    throw new UsageError(`${numberText} is no whole number; write 1, or -5`);
  const result = await withClient(settings, (client) => client.add(key, BigInt(numberText), conditions));
  print(world.stdout, settings.format ?? 'table', {
    data: {
      ...keyData(Buffer.from(key)),
      // Beyond 2^53 a JSON number would be another one.
      value: Number.isSafeInteger(Number(result.value)) ? Number(result.value) : `${result.value}`,
      revision: result.revision,
      version: result.version,
    },
    table: () => `${result.value}`,
    value: () => `${result.value}`,
  });
}

const writeOptions = (flags: Context['flags']): WriteOptions => conditionsOf(flags as ConditionFlags);

/** Text as text, all else as base64, under another name. */
export function keyData(key: Uint8Array): { key: string } | { key64: string } {
  const text = Buffer.from(key).toString('utf8');
  return Buffer.from(text, 'utf8').equals(key)
    ? { key: text }
    : { key64: Buffer.from(key).toString('base64') };
}

export function valueData(value: Uint8Array): { value: string } | { value64: string } {
  const text = Buffer.from(value).toString('utf8');
  return Buffer.from(text, 'utf8').equals(value)
    ? { value: text }
    : { value64: Buffer.from(value).toString('base64') };
}

function foundData(result: ReadResult & { found: true }) {
  return {
    ...valueData(result.value),
    revision: result.revision,
    version: result.version,
    created: new Date(result.created).toISOString(),
    updated: new Date(result.updated).toISOString(),
  };
}
