/**
 * Rules about the text of this repository that no other tool checks. A rule is a function from a file to what it
 * finds there; the tests below run each rule over the tree, and over samples, so that no rule is blind.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

type File = { path: string; text: string };
type Rule = { name: string; applies: (path: string) => boolean; find: (file: File) => string[] };

const root = join(import.meta.dirname, '..');
const self = relative(root, import.meta.filename);
const generated = 'package-lock.json';
const lineColumnsMax = 130;
/** What .gitignore keeps out of the repository, and git's own folder. */
const skipped = new Set(['.git', 'node_modules', 'coverage', '.chaincluster', '.results', 'out']);

const everywhere = (path: string) => path !== self && path !== generated;
const source = (path: string) => path.endsWith('.ts');
const core = (path: string) => path.startsWith('protocol/') && source(path) && !path.endsWith('.test.ts');

const rules: readonly Rule[] = [
  {
    name: 'no leftover markers: do it, or write it down where it is planned',
    applies: everywhere,
    find: (file) => matches(file, /\b(TODO|FIXME|XXX|HACK)\b/),
  },
  {
    name: 'no path of one machine: take paths as parameters',
    applies: everywhere,
    find: (file) => matches(file, /(?<![\w.$})-])\/(work|tmp|root)\/\w[\w./-]*/),
  },
  {
    name: 'no shared test cluster outside .ci/run: other files take a kubeconfig',
    applies: (path) => everywhere(path) && path !== '.ci/run',
    find: (file) => matches(file, /shared\/(kube|design|hooks)\b/),
  },
  {
    name: 'no package host: npm and Docker know their registries',
    applies: (path) => path !== self,
    find: (file) =>
      matches(file, /\b(registry\.npmjs|registry\.yarnpkg|npmmirror|pypi\.org|proxy\.golang)\b|"resolved":/),
  },
  {
    name: 'no issue numbers: say what was wrong',
    applies: everywhere,
    find: (file) => matches(file, /\bissues? #?\d+/i),
  },
  {
    // A sentence in quotes stays whole: it is found by searching for it.
    name: `no line longer than ${lineColumnsMax} columns, but for texts`,
    applies: source,
    find: (file) => matches(file, new RegExp(`^[^'"\`]{${lineColumnsMax + 1},}$`, 'u')),
  },
  {
    name: 'no folder called utils: a folder says what is in it',
    applies: () => true,
    find: ({ path }) => (/(^|\/)(utils?|helpers?|common|misc)\//.test(path) ? [path] : []),
  },
  {
    name: 'the protocol core takes time, chance and effects from outside',
    applies: core,
    find: (file) => impurities(file),
  },
];

describe('the tree', () => {
  const files = readTree(root);
  test('is found', () => {
    expect(files.map((file) => file.path)).toContain('scripts/tidy.test.ts');
  });
  for (const rule of rules) {
    test(rule.name, () => {
      expect(files.filter((file) => rule.applies(file.path)).flatMap(rule.find)).toEqual([]);
    });
  }
});

describe('the rules see', () => {
  const path = 'protocol/sample.ts';
  const found = (text: string, where = path) =>
    rules.filter((rule) => rule.applies(where)).flatMap((rule) => rule.find({ path: where, text }));

  test.each([
    '// TODO later',
    "open('/work/data')",
    "open('/tmp/data')",
    'see ../shared/kube/cluster',
    'https://registry.npmjs.org/x',
    'fixes issue 12',
    `// ${'long '.repeat(30)}`,
    'const now = Date.now();',
    'const at = new Date();',
    'const luck = Math.random();',
    'setTimeout(() => {}, 1);',
    'const t = performance.now();',
    'const pid = process.pid;',
    "import { readFileSync } from 'node:fs';",
    "import { readFileSync } from 'fs';",
    'export async function f() {}',
    'const x = await y;',
    'let p: Promise<void>;',
    'const load = import("./other.ts");',
  ])('%s', (text) => {
    expect(found(text)).not.toEqual([]);
  });
  test('folders called utils', () => {
    expect(found('', 'node/utils/list.ts')).not.toEqual([]);
  });
  test.each([
    "import { crc32 } from 'node:zlib';",
    '// A reader may await the tail; the Promise of the process is kept for a Date of its own.',
    'type Event = { process: string; kind: "async" };',
    'event.process(1);',
    'mountPath: /tmp',
    'see client/work/queue.ts',
    'const fraction = Math.floor(now / 2);',
  ])('nothing in %s', (text) => {
    expect(found(text)).toEqual([]);
  });
});

function readTree(folder: string): File[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name)) return [];
    const full = join(folder, entry.name);
    if (entry.isDirectory()) return readTree(full);
    if (!entry.isFile()) return [];
    const text = readFileSync(full, 'utf8');
    const isBinary = text.includes('\0');
    return isBinary ? [] : [{ path: relative(root, full).split(sep).join('/'), text }];
  });
}

/** One line per place where `pattern` matches: path, line number and the match. */
function matches({ path, text }: File, pattern: RegExp): string[] {
  return text.split('\n').flatMap((line, index) => {
    const match = pattern.exec(line);
    return match ? [`${path}:${index + 1}: ${match[0].trim().slice(0, 80)}`] : [];
  });
}

/** Globals that bring in a clock, chance, input and output, or another turn of the event loop. */
const impureGlobals = new Set([
  ...['Date', 'performance', 'crypto', 'process', 'console', 'fetch', 'Promise', 'globalThis'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'structuredClone', 'require'],
]);

function impurities({ path, text }: File): string[] {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const word = impurity(node);
    if (word !== undefined) {
      const { line } = tree.getLineAndCharacterOfPosition(node.getStart());
      found.push(`${path}:${line + 1}: ${word}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

/** The word that makes this node impure; looking at the syntax tree leaves comments and strings alone. */
function impurity(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    const from = node.moduleSpecifier.text;
    return from.startsWith('.') || from === 'node:zlib' ? undefined : from;
  }
  if (node.kind === ts.SyntaxKind.ImportKeyword && ts.isCallExpression(node.parent)) return 'import()';
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return 'async';
  if (ts.isAwaitExpression(node)) return 'await';
  if (ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random') return 'Math.random';
  if (ts.isIdentifier(node) && impureGlobals.has(node.text) && !isNameOfMember(node)) return node.text;
  return undefined;
}

/** `process` in `event.process` or `{ process: 1 }` is a word of the speaker, not the global. */
function isNameOfMember(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) || ts.isQualifiedName(parent)) return nameOf(parent) === node;
  return (
    ((ts.isPropertyAssignment(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isPropertyDeclaration(parent)) &&
      parent.name === node) ||
    ((ts.isMethodSignature(parent) || ts.isMethodDeclaration(parent)) && parent.name === node)
  );
}

function nameOf(node: ts.PropertyAccessExpression | ts.QualifiedName): ts.Node {
  return ts.isQualifiedName(node) ? node.right : node.name;
}
