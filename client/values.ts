/** Keys and values as callers give them, made into what the protocol carries. Refused here, before anything is sent. */
import { ChainError } from '../protocol/errors.ts';
import { limits } from '../protocol/limits.ts';
import type { Key } from '../protocol/words.ts';

/** Text is UTF-8; bytes are taken as they are. */
export type Bytes = string | Uint8Array;

/** @throws ChainError KEY_EMPTY, KEY_TOO_LONG; BAD_REQUEST when it is neither bytes nor text that UTF-8 can hold. */
export function parseKey(key: Bytes): Key {
  const bytes = isAscii(key) ? key : toBuffer(key, 'the key').toString('latin1');
  if (bytes.length === 0) throw new ChainError('KEY_EMPTY', 'the key is empty; keys have 1 to 1024 bytes');
  if (bytes.length > limits.keyBytes)
    throw new ChainError(
      'KEY_TOO_LONG',
      `the key has ${bytes.length} bytes; at most ${limits.keyBytes} are allowed`,
    );
  return bytes as Key;
}

/** @throws ChainError VALUE_TOO_LARGE; BAD_REQUEST when it is neither bytes nor text that UTF-8 can hold. */
export function parseValue(value: Bytes): Uint8Array {
  const bytes = typeof value === 'string' ? toBuffer(value, 'the value') : value;
  if (!(bytes instanceof Uint8Array)) throw notBytes('the value', value);
  if (bytes.length > limits.valueBytes)
    throw new ChainError(
      'VALUE_TOO_LARGE',
      `the value has ${bytes.length} bytes; at most ${limits.valueBytes} are allowed`,
    );
  return bytes;
}

/** @throws ChainError BAD_REQUEST when it is no whole number that 64 bits with sign can hold. */
export function parseDelta(delta: number | bigint): bigint {
  const exact = typeof delta === 'bigint' || Number.isSafeInteger(delta);
  const wide = exact ? BigInt(delta) : 0n;
  if (!exact || wide >= 2n ** 63n || wide < -(2n ** 63n))
    throw new ChainError(
      'BAD_REQUEST',
      `${delta} cannot be added: it must be a whole number of 64 bits with sign; give numbers above 2^53 as bigint`,
    );
  return wide;
}

/** The text of bytes. @throws ChainError BAD_REQUEST when they are not UTF-8. */
export function textOf(bytes: Uint8Array, what: string): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (cause) {
    throw new ChainError('BAD_REQUEST', `${what} is not UTF-8 text; read it as bytes`, { cause });
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// The most usual keys by far need no conversion: one character is one byte.
// biome-ignore lint/suspicious/noControlCharactersInRegex: every byte below 128 may stand in a key
const ascii = /^[\x00-\x7f]*$/;
const isAscii = (key: Bytes): key is string => typeof key === 'string' && ascii.test(key);

function toBuffer(given: Bytes, what: string): Buffer {
  if (given instanceof Uint8Array) return Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  if (typeof given !== 'string') throw notBytes(what, given);
  if (!given.isWellFormed())
    throw new ChainError(
      'BAD_REQUEST',
      `${what} holds half of a character pair (a lone surrogate), which UTF-8 cannot hold; give it as bytes`,
    );
  return Buffer.from(given, 'utf8');
}

function notBytes(what: string, given: unknown): ChainError {
  return new ChainError('BAD_REQUEST', `${what} must be a string or a Uint8Array, and is ${typeof given}`);
}
