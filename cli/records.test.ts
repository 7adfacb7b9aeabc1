import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BrokenFile, type RawRecord, readRecords } from './records.ts';

async function* chunksOf(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
async function read(text: string, size = 7): Promise<RawRecord[]> {
  const records: RawRecord[] = [];
  for await (const record of readRecords(chunksOf(text, size))) records.push(record);
  return records;
}
const texts = (records: RawRecord[]): string[] => records.map(({ bytes }) => bytes.toString().trim());
const lines = (records: RawRecord[]): number[] => records.map(({ line }) => line);

describe('JSON lines', () => {
  test('one record a line, the last one without an end', async () => {
    const records = await read('{"a":1}\n{"a":2}\r\n\n  {"a":3}');
    expect(texts(records)).toEqual(['{"a":1}', '{"a":2}', '{"a":3}']);
    expect(lines(records)).toEqual([1, 2, 4]);
    expect(records.map(({ number }) => number)).toEqual([1, 2, 3]);
  });
  test('a damaged line is a record of its own', async () => {
    expect(texts(await read('{"a":\n{"a":2}\n'))).toEqual(['{"a":', '{"a":2}']);
  });
  test('a byte order mark is no part of the first record', async () => {
    expect(texts(await read('\ufeff{"a":1}\n'))).toEqual(['{"a":1}']);
  });
  test('nothing at all', async () => {
    expect(await read('')).toEqual([]);
    expect(await read(' \n\n ')).toEqual([]);
  });
});

describe('a JSON array', () => {
  test('elements of any kind, over several lines', async () => {
    const records = await read('\n[ {"a": [1, {"b": 2}]},\n 7, "x,]}", [1,2],\n{"c":"\\"]"} ]\n');
    expect(texts(records)).toEqual(['{"a": [1, {"b": 2}]}', '7', '"x,]}"', '[1,2]', '{"c":"\\"]"}']);
    expect(lines(records)).toEqual([2, 3, 3, 3, 4]);
  });
  test('an empty one', async () => {
    expect(await read('[ ]')).toEqual([]);
  });
  test('without an end', async () => {
    await expect(read('[{"a":1},\n{"a":2}')).rejects.toThrow(
      new BrokenFile('the array has no end; the file stops on line 2'),
    );
  });
  test('with something after it', async () => {
    await expect(read('[1]\n[2]')).rejects.toThrow(/something follows the array, on line 2/);
  });
});

test('records are what JSON.stringify wrote, wherever the file is cut', async () => {
  const values = fc.array(fc.jsonValue(), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(
      values,
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(0, 2),
      async (all, size, indent) => {
        const back = texts(await read(JSON.stringify(all, null, indent), size)).map((text) =>
          JSON.parse(text),
        );
        expect(back).toEqual(JSON.parse(JSON.stringify(all)));
      },
    ),
  );
  await fc.assert(
    fc.asyncProperty(values, fc.integer({ min: 1, max: 40 }), async (all, size) => {
      const objects = all.map((value) => ({ value }));
      const back = texts(await read(objects.map((each) => `${JSON.stringify(each)}\n`).join(''), size));
      expect(back).toEqual(objects.map((each) => JSON.stringify(each)));
    }),
  );
});
