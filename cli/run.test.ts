import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { shellIn } from './shell.fixture.ts';

const shell = shellIn({ workingFolder: tmpdir(), env: { CHAIN_DATA_DIR: 'no-such-folder' } });

describe('wrong usage ends with 2 and says what is understood', () => {
  test.each([
    [['nonsense'], /unknown command 'nonsense'/],
    [['get'], /missing required argument 'key'/],
    [['get', 'k', '--wat'], /unknown option '--wat'/],
    [['get', 'k', '-o', 'xml'], /Allowed choices are table, json, yaml, value/],
    [['get', 'k', '--level', 'bounded'], /--bound-ms and --level bounded belong together/],
    [['get', 'k', '--endpoints', 'nowhere'], /"nowhere" is no address; write host:port/],
    [['get', 'k', '--timeout', 'soon'], /write a time above 0, such as 500ms/],
    [['get', 'zz', '--hex'], /no even number of hex digits/],
    [['put', 'k', '@no-such-file'], /no-such-file cannot be read/],
    [['put', 'k', 'v', '--if', 'size>3'], /write FIELD OPERATOR NUMBER/],
    [['add', 'k', 'many'], /many is no whole number/],
    [['import', 'no-such-file'], /no-such-file cannot be read/],
    [['import', '-', '--resume', 'state'], /stdin cannot be read again/],
    [['import', 'f', '--value', 'x'], /--value needs --key/],
    [['completion', 'tcsh'], /Allowed choices are bash, zsh, fish/],
    [['recover'], /no cluster runs here;.*--coordinator HOST:PORT/],
  ] as const)('%j', async (args, message) => {
    const { code, out, err } = await shell(args);
    expect(err).toMatch(message);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });
  test('in the environment too', async () => {
    const other = shellIn({ workingFolder: tmpdir(), env: { CHAIN_ENDPOINTS: 'x' } });
    expect(await other(['get', 'k'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/CHAIN_ENDPOINTS: "x"/),
    });
  });
});

test('without a cluster a command ends with 4, and a write says that nothing happened', async () => {
  const { code, out, err } = await shell([
    'put',
    'k',
    'v',
    '--endpoints',
    '127.0.0.1:1',
    '--timeout',
    '200ms',
  ]);
  expect({ code, out }).toEqual({ code: 4, out: '' });
  expect(err).toMatch(/UNAVAILABLE.*127\.0\.0\.1:1.*--endpoints.*did not take effect/s);
});

test('help goes to stdout, with examples', async () => {
  for (const args of [['--help'], ['put', '--help'], ['import', '--help']]) {
    const { code, out, err } = await shell(args);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/Examples:\n {2}chainctl /);
  }
});

test('version', async () => {
  expect(await shell(['version', '-o', 'value'])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^\d+\.\d+\.\d+$/),
  });
});

test('local commands where nothing runs end with 3', async () => {
  for (const args of [
    ['local', 'status'],
    ['local', 'down'],
  ])
    expect(await shell(args)).toMatchObject({
      code: 3,
      out: '',
      err: expect.stringMatching(/no cluster runs in/),
    });
});

describe('completion', () => {
  test.each([
    [['to'], ['topology']],
    [
      ['local', ''],
      ['up', 'down', 'blank', 'status', 'help'],
    ],
    [['get', '--le'], ['--level']],
    [['get', '--level', 'b'], ['bounded']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['-o', 'j'], ['json']],
  ])('of %j', async (words, expected) => {
    const { out } = await shell(['__complete', '--', ...words]);
    expect(expected).toEqual(expect.arrayContaining(out.trim().split('\n')));
    expect(out.trim()).not.toBe('');
  });
  test.each(['bash', 'zsh', 'fish'])('scripts for %s ask chainctl', async (name) => {
    expect((await shell(['completion', name])).out).toMatch(/chainctl __complete --/);
  });
});
