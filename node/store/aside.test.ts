import { access, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { setAside, whySetAside } from './aside.ts';
import { databaseOf } from './database.ts';
import { createStore } from './identity.ts';
import { Folders } from './store.folders.ts';
import { StoreError } from './store.ts';

const folders = new Folders();
afterEach(() => folders.clean());

const why = new StoreError('STORE_CORRUPT', 'store x is damaged: log record 3 is missing.');

test('a damaged store is set aside whole, says why, and leaves room for a new one', async () => {
  const folder = await folders.created();
  expect(whySetAside(folder)).toBe('');
  const before = await readFile(join(folder, 'identity.json'), 'utf8');
  const aside = await setAside(folder, why);
  expect(await readFile(join(aside, 'identity.json'), 'utf8')).toBe(before);
  expect(await readFile(join(aside, 'why.txt'), 'utf8')).toContain('log record 3 is missing');
  expect((await readdir(join(aside, 'db'))).length).toBeGreaterThan(0);
  expect(whySetAside(folder)).toMatch(
    /^its store was set aside in .*damaged: 20.* log record 3 is missing\.$/,
  );
  await createStore(folder, 'test');
  await access(databaseOf(folder));
});

test('a second one is refused with a sentence, and keeps its files', async () => {
  const folder = await folders.created();
  await setAside(folder, why);
  await createStore(folder, 'test');
  await expect(setAside(folder, why)).rejects.toMatchObject({
    code: 'STORE_CORRUPT',
    message: expect.stringMatching(/log record 3 is missing.*damaged already.*remove that folder/),
  });
  await access(join(folder, 'identity.json'));
});

test('moving that was cut short goes on', async () => {
  const folder = await folders.created();
  const aside = await setAside(folder, why);
  await rm(join(aside, 'why.txt'));
  await writeFile(join(folder, 'identity.json'), 'left behind');
  await setAside(folder, why);
  expect(await readFile(join(aside, 'identity.json'), 'utf8')).toBe('left behind');
  expect(await readdir(folder)).toEqual(['damaged']);
});
