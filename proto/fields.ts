/**
 * Messages described by tables: `message<T>('Name', { slot: uint(1), … })` is a codec whose fields TypeScript checks against
 * `T`. Compact rather than fast: what is sent often has code of its own.
 */
import type { Reader } from './reader.ts';
import { numberRoom, type Writer, wire } from './writer.ts';

/** Writes and reads one message, without the length before it. */
export interface Codec<T> {
  readonly name: string;
  /** What no bytes at all mean. */
  readonly empty: T;
  write(w: Writer, value: T): void;
  /** Reads up to `r.end`. */
  read(r: Reader): T;
}

/** One field: how it is written, and what each of its tags means. */
export interface Field<T> {
  readonly number: number;
  /** The value when the field is not there. */
  readonly absent: T;
  /** Writes nothing for the absent value. */
  write(w: Writer, value: T): void;
  /** By wire type; `before` is the value so far. */
  readonly reads: ReadonlyMap<number, (r: Reader, before: T) => T>;
}

type Fields<T> = { readonly [K in keyof T]-?: Field<T[K]> };

/** A message whose values have the fields of the table and `constants`. */
export function message<T extends object>(
  name: string,
  fields: Fields<Omit<T, 'kind'>>,
  ...constants: T extends { kind: infer Kind } ? [{ kind: Kind }] : []
): Codec<T> {
  const entries = Object.entries(fields) as [string, Field<unknown>][];
  const byTag = new Map<number, { key: string; read: (r: Reader, before: unknown) => unknown }>();
  const empty: Record<string, unknown> = { ...constants[0] };
  for (const [key, field] of entries) {
    empty[key] = field.absent;
    for (const [type, read] of field.reads) byTag.set(field.number * 8 + type, { key, read });
  }
  const required = entries.filter(([, { absent }]) => absent === undefined).map(([key]) => key);
  return {
    name,
    empty: Object.freeze({ ...empty }) as T,
    write(w, value) {
      for (const [key, field] of entries) field.write(w, (value as Record<string, unknown>)[key]);
    },
    read(r) {
      const out: Record<string, unknown> = { ...empty };
      while (r.at < r.end) {
        const tag = r.uint();
        const known = byTag.get(tag);
        if (known === undefined) r.skip(tag);
        else out[known.key] = known.read(r, out[known.key]);
      }
      for (const key of required) if (out[key] === undefined) r.fail(`${name} has no ${key}`);
      return out as T;
    },
  };
}

function field<T>(
  number: number,
  type: number,
  absent: T,
  put: (w: Writer, v: T) => void,
  take: (r: Reader) => T,
): Field<T> {
  return {
    number,
    absent,
    write(w, value) {
      if (value !== absent) writeOne(w, number, type, value, put);
    },
    reads: new Map([[type, take]]),
  };
}

function writeOne<T>(
  w: Writer,
  number: number,
  type: number,
  value: T,
  put: (w: Writer, v: T) => void,
): void {
  w.reserve(numberRoom);
  w.uint(number * 8 + type);
  put(w, value);
}

/** A counter or duration: varint. */
export const uint = <T extends number>(number: number): Field<T> =>
  field(
    number,
    wire.varint,
    0 as T,
    (w, v) => w.uint(v),
    (r) => r.uint() as T,
  );

/** As `uint`, for what the schema calls uint32. */
export const uint32 = <T extends number>(number: number): Field<T> =>
  field(
    number,
    wire.varint,
    0 as T,
    (w, v) => w.uint(v),
    (r) => r.uint32() as T,
  );

/** A number that is usually large: a time, an incarnation, a random id. */
export const fixed64 = <T extends number>(number: number): Field<T> =>
  field(
    number,
    wire.fixed64,
    0 as T,
    (w, v) => w.fixed64(v),
    (r) => r.fixed64() as T,
  );

/** A safe integer with sign. */
export const signed64 = (number: number): Field<number> =>
  field(
    number,
    wire.fixed64,
    0,
    (w, v) => w.fixed64(v),
    (r) => r.signed64(),
  );

/** Any 64-bit number with sign. */
export const int64 = (number: number): Field<bigint> =>
  field(
    number,
    wire.fixed64,
    0n,
    (w, v) => w.int64(v),
    (r) => r.int64(),
  );

export const double = (number: number): Field<number> =>
  field(
    number,
    wire.fixed64,
    0,
    (w, v) => w.double(v),
    (r) => r.double(),
  );

export const bool = (number: number): Field<boolean> =>
  field(
    number,
    wire.varint,
    false,
    (w, v) => w.uint(v ? 1 : 0),
    (r) => r.bool(),
  );

/** UTF-8. */
export const text = <T extends string>(number: number): Field<T> =>
  field(number, wire.bytes, '' as T, putText, (r) => r.textField() as T);

/** Bytes as a string with one character for each. */
export const latin1 = <T extends string>(number: number): Field<T> =>
  field(number, wire.bytes, '' as T, putLatin1, (r) => r.latin1Field() as T);

/** As `latin1`, and null when it is not there. */
export const latin1OrNull = <T extends string>(number: number): Field<T | null> =>
  field<T | null>(
    number,
    wire.bytes,
    null,
    (w, v) => putLatin1(w, v ?? ''),
    (r) => r.latin1Field() as T,
  );

const noBytes: Uint8Array = Buffer.alloc(0);

export const bytes = (number: number): Field<Uint8Array> => ({
  number,
  absent: noBytes,
  write(w, value) {
    if (value.length > 0) writeOne(w, number, wire.bytes, value, putBytes);
  },
  reads: new Map([[wire.bytes, (r: Reader) => r.bytesField()]]),
});

export const bytesOrNull = (number: number): Field<Uint8Array | null> =>
  field<Uint8Array | null>(
    number,
    wire.bytes,
    null,
    (w, v) => putBytes(w, v ?? noBytes),
    (r) => r.bytesField(),
  );

/** Words with fixed numbers. Number 0 is a word, or nothing that a peer may say. */
export interface Words<T extends string> {
  readonly numberOf: Readonly<Record<T, number>>;
  readonly wordOf: readonly (T | undefined)[];
}

export function words<T extends string>(numberOf: Readonly<Record<T, number>>): Words<T> {
  const wordOf: (T | undefined)[] = [];
  for (const word of Object.keys(numberOf) as T[]) wordOf[numberOf[word]] = word;
  return { numberOf, wordOf: Array.from(wordOf) };
}

/** Reads the number of a word. */
export function readWord<T extends string>(r: Reader, of: Words<T>): T {
  const number = r.uint();
  return of.wordOf[number] ?? r.fail(`${number} is none of ${Object.keys(of.numberOf).join(', ')}`);
}

/** A word of a closed list. The word with number 0 is what a missing field means; a list without one demands the field. */
export const word = <T extends string>(number: number, of: Words<T>): Field<T> => ({
  number,
  absent: of.wordOf[0] as T,
  write(w, value) {
    if (of.numberOf[value] !== 0) writeOne(w, number, wire.varint, of.numberOf[value], (w, n) => w.uint(n));
  },
  reads: new Map([[wire.varint, (r: Reader) => readWord(r, of)]]),
});

/** A message inside; absent: as if it were empty. */
export const nested = <T>(number: number, codec: Codec<T>): Field<T> =>
  field(
    number,
    wire.bytes,
    codec.empty,
    (w, v) => putNested(w, codec, v),
    (r) => takeNested(r, codec),
  );

export const nestedOrNull = <T>(number: number, codec: Codec<T>): Field<T | null> =>
  field<T | null>(
    number,
    wire.bytes,
    null,
    (w, v) => v !== null && putNested(w, codec, v),
    (r) => takeNested(r, codec),
  );

/** Elements of one repeated field. A frame full of the shortest ones must not turn into a heap full of objects. */
const elementsMax = 65_536;

function repeated<T>(
  number: number,
  put: (w: Writer, v: T) => void,
  take: (r: Reader) => T,
): Field<readonly T[]> {
  return {
    number,
    absent: Object.freeze([]),
    write(w, values) {
      for (const value of values) writeOne(w, number, wire.bytes, value, put);
    },
    reads: new Map([[wire.bytes, (r: Reader, before: readonly T[]) => append(r, before, take(r))]]),
  };
}

function append<T>(r: Reader, before: readonly T[], value: T): readonly T[] {
  if (before.length === 0) return [value];
  if (before.length >= elementsMax) r.fail(`a list has more than ${elementsMax} elements`);
  (before as T[]).push(value);
  return before;
}

export const nestedList = <T>(number: number, codec: Codec<T>): Field<readonly T[]> =>
  repeated(
    number,
    (w, v) => putNested(w, codec, v),
    (r) => takeNested(r, codec),
  );

export const bytesList = (number: number): Field<readonly Uint8Array[]> =>
  repeated<Uint8Array>(number, putBytes, (r) => r.bytesField());

export const latin1List = <T extends string>(number: number): Field<readonly T[]> =>
  repeated<T>(number, putLatin1, (r) => r.latin1Field() as T);

/** Numbers, packed; read packed or one by one. */
export const uint32List = <T extends number>(number: number): Field<readonly T[]> => ({
  number,
  absent: Object.freeze([]),
  write(w, values) {
    if (values.length === 0) return;
    w.reserve(numberRoom * (values.length + 1));
    w.uint(number * 8 + wire.bytes);
    const start = w.openExact();
    for (const value of values) w.uint(value);
    w.closeExact(start);
  },
  reads: new Map([
    [wire.varint, (r: Reader, before: readonly T[]) => append(r, before, r.uint32() as T)],
    [
      wire.bytes,
      (r: Reader, before: readonly T[]) => {
        const outer = r.enter();
        let list = before;
        while (r.at < r.end) list = append(r, list, r.uint32() as T);
        r.leave(outer);
        return list;
      },
    ],
  ]),
});

function putNested<T>(w: Writer, codec: Codec<T>, value: T): void {
  const start = w.openExact();
  codec.write(w, value);
  w.closeExact(start);
}

function takeNested<T>(r: Reader, codec: Codec<T>): T {
  const outer = r.enter();
  const value = codec.read(r);
  r.leave(outer);
  return value;
}

function putBytes(w: Writer, value: Uint8Array): void {
  w.reserve(numberRoom + value.length);
  w.bytesField(value);
}

function putLatin1(w: Writer, value: string): void {
  w.reserve(numberRoom + value.length);
  w.latin1Field(value);
}

function putText(w: Writer, value: string): void {
  w.reserve(numberRoom + 3 * value.length);
  w.textField(value);
}
