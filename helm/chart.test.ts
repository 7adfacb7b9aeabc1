import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { isMap, isScalar, parse, parseDocument, stringify } from 'yaml';
import { createCoordinatorMetrics } from '../coordinator/metrics.ts';
import { observeNode } from '../node/gauges.ts';
import type { NodeHost } from '../node/host.ts';
import { createNodeMetrics } from '../node/metrics.ts';
import { nodeFlags } from '../operator/node-flags.ts';
import { clusterRules, namespacedRules } from '../operator/rbac.ts';
import { createMetrics } from '../operator/runtime/metrics.ts';
import type { CoordinatorView } from '../protocol/coordinator/contract.ts';
import { errorCodes } from '../protocol/errors.ts';

const chart = join(import.meta.dirname, 'chaincluster');
const text = (path: string) => readFileSync(join(chart, path), 'utf8');

/** Files that Helm can only read inside the chart. `npx vitest run helm -u` writes them anew from their sources. */
describe('files made from other places', () => {
  test('the resource definition is that of crds/', async () => {
    const name = 'chainclusters.chaincluster.dev.yaml';
    const source = readFileSync(join(import.meta.dirname, '../crds', name), 'utf8');
    await expect(source).toMatchFileSnapshot(join(chart, 'files', name));
  });

  test('the permissions are those that the operator lists beside its code', async () => {
    const rules = {
      // Where the operators elect their leader.
      election: namespacedRules.filter(({ resources }) => resources.includes('leases')),
      // In every namespace that is looked after.
      namespaced: namespacedRules,
      // Once for the whole Kubernetes cluster.
      cluster: clusterRules,
    };
    const made = `# Made from operator/rbac.ts by helm/chart.test.ts.\n${stringify(rules, { aliasDuplicateObjects: false })}`;
    await expect(made).toMatchFileSnapshot(join(chart, 'files/operator-rules.yaml'));
  });
});

test('chart and image run the operator with its flags; the image compiled it with the same', () => {
  const command = ['node', ...nodeFlags, 'operator/main.ts'];
  expect(text('templates/operator.yaml')).toContain(`command: [${command.join(', ')}]`);
  expect(readFileSync(join(import.meta.dirname, '../Dockerfile'), 'utf8')).toContain(command.join(' '));
});

describe('values', () => {
  const schema = JSON.parse(text('values.schema.json'));
  const validate = new Ajv({ strict: false }).compile(schema);

  test('the defaults are allowed', () => {
    expect(validate(parse(text('values.yaml'))), JSON.stringify(validate.errors)).toBe(true);
  });

  test.each([
    ['an unknown name', { replica: 2 }],
    ['a log level that is none', { logLevel: 'loud' }],
    ['a number as text', { replicas: '2' }],
    ['half a digest', { image: { repository: 'r', digest: 'sha256:12' } }],
  ])('refuses %s', (_, values) => {
    expect(validate(values)).toBe(false);
  });

  test('are at most 40, and each has a comment and a place in the schema', () => {
    const found = settings(parseDocument(text('values.yaml')).contents, schema);
    expect(found.filter(({ comment }) => !comment).map(({ path }) => path)).toEqual([]);
    expect(found.filter(({ known }) => !known).map(({ path }) => path)).toEqual([]);
    expect(found.length).toBeGreaterThan(20);
    expect(found.length).toBeLessThanOrEqual(40);
  });
});

interface Schema {
  properties?: Record<string, Schema>;
}

interface Setting {
  path: string;
  comment: boolean;
  known: boolean;
}

/** Every value of values.yaml that has no named parts of its own. */
function settings(node: unknown, schema: Schema | undefined, path = ''): Setting[] {
  if (!isMap(node)) return [];
  return node.items.flatMap((pair, index) => {
    if (!isScalar(pair.key)) return [];
    const name = String(pair.key.value);
    const here = path === '' ? name : `${path}.${name}`;
    const below = schema?.properties?.[name];
    if (isMap(pair.value) && below?.properties !== undefined) return settings(pair.value, below, here);
    // A comment above the first entry of a map belongs to the map.
    const comment = pair.key.commentBefore ?? (index === 0 ? node.commentBefore : undefined);
    return [{ path: here, comment: Boolean(comment), known: below !== undefined }];
  });
}

describe('metrics of dashboards and rules', () => {
  const made = metricNames();

  test('the sources name metrics', () => {
    expect(made.size).toBeGreaterThan(20);
  });

  for (const path of [
    ...readdirSync(join(chart, 'dashboards')).map((name) => `dashboards/${name}`),
    ...readdirSync(join(chart, 'rules')).map((name) => `rules/${name}`),
  ]) {
    test(`${path} asks only for metrics that exist`, () => {
      const recorded = new Set([...text(path).matchAll(/^\s*- record: (\S+)/gm)].map(([, name]) => name));
      for (const file of readdirSync(join(chart, 'rules')))
        for (const [, name] of text(`rules/${file}`).matchAll(/record: (\S+)/g)) recorded.add(name);
      const unknown = expressions(path)
        .flatMap(namesIn)
        .filter((name) => !made.has(base(name)) && !made.has(name) && !recorded.has(name));
      expect([...new Set(unknown)]).toEqual([]);
    });
  }
});

describe('rules', () => {
  const { groups } = parse(text('rules/chaincluster.yaml')) as {
    groups: { rules: { alert?: string; expr: string; labels?: object; annotations?: Record<string, string> }[] }[];
  };
  const alerts = groups.flatMap(({ rules }) => rules).filter(({ alert }) => alert !== undefined);

  test('every alert says what is so, what it means, and has a place in the runbook', () => {
    const runbook = readFileSync(join(import.meta.dirname, '../docs/runbook.md'), 'utf8');
    for (const { alert, annotations, labels } of alerts) {
      expect(Object.keys(annotations ?? {}), alert).toEqual(['summary', 'description']);
      expect(labels, alert).toHaveProperty('severity');
      expect(runbook, alert).toContain(`### ${alert}\n`);
    }
  });

  test('codes in them exist', () => {
    const codes = [...text('rules/chaincluster.yaml').matchAll(/code=~"([^"]+)"/g)].flatMap(([, list]) => (list ?? '').split('|'));
    expect(codes.length).toBeGreaterThan(3);
    expect(codes.filter((code) => !(code in errorCodes))).toEqual([]);
  });
});

/** Names of all metrics of all processes, from the registries that their servers show. */
function metricNames(): Set<string> {
  const node = createNodeMetrics({ processFigures: true }).registry;
  observeNode(node, { store: { stats: () => ({}) } } as NodeHost); // asked for its figures only at a scrape
  const coordinator = createCoordinatorMetrics({ processFigures: true });
  coordinator.observe(() => ({}) as CoordinatorView);
  const registries = [node, coordinator.registry, createMetrics().registry];
  return new Set(registries.flatMap((registry) => registry.getMetricsAsArray().map(({ name }) => name)));
}

const base = (name: string): string => name.replace(/_(bucket|sum|count)$/, '');

function expressions(path: string): string[] {
  if (path.endsWith('.yaml')) {
    const { groups } = parse(text(path)) as { groups: { rules: { expr: string }[] }[] };
    return groups.flatMap(({ rules }) => rules.map(({ expr }) => expr));
  }
  const found: string[] = [];
  JSON.parse(text(path), (key, value: unknown) => {
    if (key === 'expr' || (key === 'query' && typeof value === 'string')) found.push(String(value));
    return value;
  });
  return found;
}

/** Metric names in a PromQL expression: words before a selector or range, outside label lists and functions. */
function namesIn(expression: string): string[] {
  const bare = expression
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/"[^"]*"/g, '')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, '')
    .replace(/^\s*label_values\((.*),[^,]*\)$/, '$1');
  return [...bare.matchAll(/(?<![\w:$])([a-z_][\w:]*)(\s*\()?/gi)]
    .filter(([, , call]) => call === undefined)
    .map(([, name]) => name as string)
    .filter((name) => /[_:]/.test(name) || name === 'up');
}
