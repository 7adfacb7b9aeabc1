import { describe, expect, test } from 'vitest';
import { parseManifest } from './parse.ts';
import { ManifestError, type Problem, problemCodes } from './problem.ts';

const head = 'apiVersion: chaincluster.dev/v1alpha1\nkind: ChainCluster\n';
/** Lines 1 to 4, so that what follows begins at line 5. */
const named = `${head}metadata: {name: demo}\nspec:\n`;

function problemsOf(text: string): readonly Problem[] {
  try {
    parseManifest(text, 'demo.yaml');
  } catch (error) {
    if (error instanceof ManifestError) return error.problems;
    throw error;
  }
  return [];
}
const ten = (item: string): string => Array(10).fill(item).join();
const sentences = (text: string): string[] => {
  const problems = problemsOf(text);
  return problems.length === 0 ? [] : new ManifestError('demo.yaml', problems).message.split('\n');
};

describe('a good manifest', () => {
  test('comes back with its defaults', () => {
    const { cluster, warnings } = parseManifest(`${named}  nodes: 5\n`, 'demo.yaml');
    expect(cluster).toMatchObject({
      kind: 'ChainCluster',
      metadata: { name: 'demo' },
      spec: { nodes: 5, slots: 64 },
    });
    expect(warnings).toEqual([]);
  });
  test('may be JSON', () => {
    const json = JSON.stringify({
      apiVersion: 'chaincluster.dev/v1alpha1',
      kind: 'ChainCluster',
      metadata: { name: 'j', labels: { team: 'a' } },
      spec: { slots: 8 },
    });
    expect(parseManifest(json, 'j.json').cluster.spec.slots).toBe(8);
  });
  test('has one coordinator on one machine and three on Kubernetes, unless it says otherwise', () => {
    const text = `${head}metadata: {name: a}\nspec: {}\n`;
    expect(parseManifest(text, 'a').cluster.spec.coordinators).toBe(1);
    expect(parseManifest(text, 'a', 'kubernetes').cluster.spec.coordinators).toBe(3);
    expect(parseManifest(`${named}  coordinators: 5`, 'a').cluster.spec.coordinators).toBe(5);
  });
  test('may use anchors and merge keys', () => {
    const text = `${named}  resources: &r {limits: {memory: 2Gi}}\n  coordinatorResources: {<<: *r}\n`;
    const { spec } = parseManifest(text, 'a', 'kubernetes').cluster;
    expect(spec.coordinatorResources).toEqual({ limits: { memory: '2Gi' } });
  });
  test('keeps raw Kubernetes objects as they are', () => {
    const text = `${named}  podTemplate: {tolerations: [{key: a, operator: Exists}], env: [{name: A, value: b}]}\n`;
    expect(parseManifest(text, 'a', 'kubernetes').cluster.spec.podTemplate).toMatchObject({
      tolerations: [{ key: 'a', operator: 'Exists' }],
      env: [{ name: 'A', value: 'b' }],
    });
  });
});

describe('warnings', () => {
  test('name fields that mean nothing on one machine, at their line', () => {
    const { warnings } = parseManifest(
      `${named}  image: x:1\n  storage: {storageClassName: fast}\n`,
      'demo.yaml',
    );
    expect(warnings.map(({ path, line, column }) => ({ path, line, column }))).toEqual([
      { path: 'spec.storage', line: 6, column: 3 },
      { path: 'spec.image', line: 5, column: 3 },
    ]);
  });
  test('name local settings on Kubernetes', () => {
    const { warnings } = parseManifest(`${named}  local: {basePort: 9000}\n`, 'demo.yaml', 'kubernetes');
    expect(warnings.map((warning) => warning.path)).toEqual(['spec.local']);
  });
  test('name a status, which does not come back', () => {
    const { cluster, warnings } = parseManifest(`${named}  nodes: 3\nstatus: {nodes: 3}\n`, 'demo.yaml');
    expect(cluster).not.toHaveProperty('status');
    expect(warnings.map((warning) => warning.path)).toEqual(['status']);
  });
  test('name the other documents of a file', () => {
    const text = `apiVersion: v1\nkind: Namespace\n---\n# nothing\n---\n${named}  nodes: 3\n`;
    const { cluster, warnings } = parseManifest(text, 'demo.yaml');
    expect(cluster.spec.nodes).toBe(3);
    expect(warnings).toMatchObject([{ document: 1, line: 1, reason: 'is a Namespace and is left alone' }]);
  });
});

describe('what is wrong with the file is said', () => {
  test.each<[string, string, string]>([
    ['an empty file', '', 'demo.yaml:1:1: the file is empty; start from examples/local.yaml'],
    ['only comments', '# nothing\n', 'demo.yaml:1:1: the file is empty; start from examples/local.yaml'],
    [
      'no YAML',
      `${head}spec: a: b\n`,
      'demo.yaml:3:7: not YAML: nested mappings are not allowed in compact mappings; correct this line, or the one before it',
    ],
    [
      'a tab',
      `${named}\tnodes: 3\n`,
      'demo.yaml:5:1: not YAML: tabs are not allowed as indentation; indent with spaces',
    ],
    [
      'a key twice',
      `${named}  nodes: 3\n  nodes: 4\n`,
      'demo.yaml:6:3: the key nodes stands twice in one object; remove one of the two',
    ],
    [
      'no object',
      '- 1\n',
      'demo.yaml:1:1: is no object with apiVersion, kind, metadata and spec; start from examples/local.yaml',
    ],
    [
      'no cluster among several',
      'kind: A\n---\nb: 1\n',
      'demo.yaml:1:1: no document of the file is a ChainCluster; it has A, document without a kind; ' +
        'start from examples/local.yaml',
    ],
    [
      'two clusters',
      `${named}  nodes: 3\n---\n${named}  nodes: 3\n`,
      'demo.yaml:7:1: document 2: is a ChainCluster too, as document 1 is; write one ChainCluster to a file',
    ],
    [
      'a mistake in the second document',
      `kind: A\n---\n${named}  nodes: 0\n`,
      'demo.yaml:7:10: document 2: spec.nodes: is 0, which is too low; write 1 or more',
    ],
    [
      'another version',
      `${named.replace('v1alpha1', 'v2')}  nodes: 3\n`,
      'demo.yaml:1:13: apiVersion: is "chaincluster.dev/v2", which this release does not know; ' +
        'write apiVersion: chaincluster.dev/v1alpha1',
    ],
    [
      'a misspelled kind',
      `${named.replace('ChainCluster\n', 'Chaincluster\n')}  nodes: 3\n`,
      'demo.yaml:2:7: kind: is "Chaincluster", which this release does not know; write kind: ChainCluster',
    ],
    [
      'no kind',
      `apiVersion: chaincluster.dev/v1alpha1\nmetadata: {name: a}\nspec: {}\n`,
      'demo.yaml:1:1: kind: is missing; write kind: ChainCluster',
    ],
    [
      'no spec',
      `${head}metadata: {name: a}\n`,
      'demo.yaml:1:1: spec: is missing; write spec: {} to have all defaults',
    ],
    ['no metadata', `${head}spec: {}\n`, 'demo.yaml:1:1: metadata: is missing; write metadata: {name: demo}'],
    [
      'no name',
      `${head}metadata: {labels: {}}\nspec: {}\n`,
      'demo.yaml:3:1: metadata.name: is missing; write the name of the cluster, such as demo',
    ],
    [
      'aliases without end',
      `${head}a: &a [${ten('1')}]\nb: &b [${ten('*a')}]\nc: &c [${ten('*b')}]\nd: [*c,*c]\n`,
      'demo.yaml:1:1: its aliases do not resolve: Excessive alias count indicates a resource exhaustion attack; ' +
        'write the values out instead of *aliases',
    ],
  ])('%s', (_, text, sentence) => {
    expect(sentences(text)).toEqual([sentence]);
  });
});

describe('what is wrong with a field is said', () => {
  test.each<[string, string]>([
    ['nods: 5', '5:3: spec.nods: is not a field of spec; did you mean spec.nodes?'],
    ['size: 10Gi', '5:3: spec.size: is not a field of spec; did you mean spec.storage.size?'],
    ['shards: 8', '5:3: spec.shards: is not a field of spec; did you mean spec.slots?'],
    [
      'heartbeatms: 8',
      '5:3: spec.heartbeatms: is not a field of spec; did you mean spec.timings.heartbeatMs?',
    ],
    [
      'zebra: 8',
      '5:3: spec.zebra: is not a field of spec; remove it; `kubectl explain chaincluster.spec` lists the fields',
    ],
    ['pdb: {zebra: 1}', '5:9: spec.pdb.zebra: is not a field of spec.pdb; known here: enabled'],
    [
      'slots: "64"',
      '5:10: spec.slots: must be a whole number, not the text "64"; write slots: 64, without quotes',
    ],
    [
      'slots: 6.5',
      '5:10: spec.slots: must be a whole number, not 6.5; it is: Hash partitions of the key space; each has a chain of its own',
    ],
    ['slots: 4097', '5:10: spec.slots: is 4097, which is too high; write 4096 or less'],
    ['nodes: 0', '5:10: spec.nodes: is 0, which is too low; write 1 or more'],
    ['nodes: [3]', '5:10: spec.nodes: must be a whole number, not a list; it is: Storage nodes'],
    ['image: 5', '5:10: spec.image: must be text, not 5; put it in quotes, image: "5"'],
    ['image: ""', '5:10: spec.image: is empty; give it a value, or remove the line'],
    ['paused: "yes"', '5:11: spec.paused: must be true or false, not the text "yes"; write true or false'],
    [
      'paused:',
      '5:10: spec.paused: has no value; give it one, or remove the line to have the default, false',
    ],
    ['image:', '5:9: spec.image: has no value; give it one, or remove the line'],
    ['drain: a', '5:10: spec.drain: must be a list, not the text "a"; write a list, such as drain: [...]'],
    ['drain: [a, a]', '5:10: spec.drain: names "a" twice; remove one of the two'],
    [
      'drain: [A_b]',
      '5:11: spec.drain[0]: is "A_b", which is not the name of a node; write a name that `chainctl status` shows',
    ],
    [
      'storage: 5',
      '5:12: spec.storage: must be an object with fields of its own, not 5; it is: The volume of each storage node',
    ],
    [
      'storage: {size: 10 GB}',
      '5:19: spec.storage.size: is "10 GB", which is not a size; write a number and a unit, such as 10Gi',
    ],
    ['durability: fsynk', '5:15: spec.durability: is "fsynk", which is not allowed; write fsync'],
    ['durability: never', '5:15: spec.durability: is "never", which is not allowed; write fsync or os'],
    ['durability: 1', '5:15: spec.durability: must be text, not 1; put it in quotes, durability: "1"'],
    [
      'resources: {limits: {cpu: 0.5}}',
      '5:29: spec.resources.limits.cpu: must be a whole number or text, not 0.5; put it in quotes, cpu: "0.5"',
    ],
    [
      'resources: {limits: {cpu: lots}}',
      '5:29: spec.resources.limits.cpu: is "lots", which is not a quantity; write a number and a unit, such as 500m or 1Gi',
    ],
    ['imagePullSecrets: [{}]', '5:22: spec.imagePullSecrets[0].name: is missing; add it'],
    [
      'podTemplate: {env: [{name: a}, {name: a}]}',
      '5:22: spec.podTemplate.env: has two entries of the same name; remove one of the two, or rename it',
    ],
    [
      `imagePullSecrets: [${Array.from({ length: 17 }, (_, n) => `{name: s${n}}`)}]`,
      '5:21: spec.imagePullSecrets: has more than 16 entries; remove some',
    ],
    [
      'replicationFactor: 4',
      '5:22: spec.replicationFactor: replicationFactor is above nodes: ' +
        'each member of a chain lives on a node of its own; raise nodes or lower replicationFactor',
    ],
    [
      'nodes: 1',
      '5:10: spec.replicationFactor: replicationFactor is above nodes: ' +
        'each member of a chain lives on a node of its own; raise nodes or lower replicationFactor',
    ],
    ['coordinators: 2', '5:17: spec.coordinators: coordinators must be 1, 3 or 5; take the next odd number'],
  ])('%s', (line, sentence) => {
    expect(sentences(`${named}  ${line}\n`)).toEqual([`demo.yaml:${sentence}`]);
  });

  test('a name that Kubernetes would refuse', () => {
    expect(sentences(`${head}metadata: {name: Demo}\nspec: {}\n`)).toEqual([
      'demo.yaml:3:18: metadata.name: is "Demo", which is not a name that Kubernetes allows here; write lower-case letters, ' +
        'digits and hyphens, a letter first and no hyphen last, such as demo-1',
    ]);
    const long = 'a'.repeat(41);
    expect(sentences(`${head}metadata: {name: ${long}}\nspec: {}\n`)).toEqual([
      'demo.yaml:3:18: metadata.name: is longer than 40 characters; shorten it (now 41)',
    ]);
  });

  test('all at once, in the order of the lines', () => {
    const problems = problemsOf(
      `${named}  coordinators: 2\n  slots: x\n  nods: 5\n  timings: {deadMs: 500}\n`,
    );
    expect(problems.map(({ code, line }) => [code, line])).toEqual([
      ['IMPOSSIBLE', 5],
      ['WRONG_TYPE', 6],
      ['UNKNOWN_FIELD', 7],
      ['IMPOSSIBLE', 8],
      ['IMPOSSIBLE', 8],
    ]);
  });

  test('once: a rule is silent about a field that is in question already', () => {
    expect(problemsOf(`${named}  nods: 9\n  replicationFactor: 5\n`).map(({ code }) => code)).toEqual([
      'UNKNOWN_FIELD',
    ]);
    expect(problemsOf(`${named}  storage: 5\n`).map(({ code }) => code)).toEqual(['WRONG_TYPE']);
  });

  test('a key that is special to JavaScript is a field like any other', () => {
    expect(problemsOf(`${named}  __proto__: {nodes: 9}\n`)).toMatchObject([
      { code: 'UNKNOWN_FIELD', path: 'spec.__proto__' },
    ]);
    expect(problemsOf(`${named}  constructor: 1\n`)).toMatchObject([{ code: 'UNKNOWN_FIELD' }]);
  });

  test('codes come from the closed list', () => {
    const codes = [
      '',
      '- 1',
      `${named}  a: 1\n  slots: x\n  nodes: 0\n  coordinators: 2\n  imagePullSecrets: [{}]`,
    ]
      .flatMap(problemsOf)
      .map(({ code }) => code);
    expect(problemCodes).toEqual(expect.arrayContaining([...new Set(codes)]));
    expect(new Set(codes).size).toBe(7);
  });
});
