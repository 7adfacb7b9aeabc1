import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { rules } from './rules.ts';
import { applyDefaultsAndCheck, definitionFile, type FieldSchema, resourceSchema } from './schema.ts';
import { apiGroup, kind, plural } from './types.ts';

const definition = parse(readFileSync(definitionFile, 'utf8'));
const [version] = definition.spec.versions;

interface Field {
  readonly path: string;
  readonly schema: FieldSchema & Readonly<Record<string, unknown>>;
  /** True where the schema is a named field, not what a list or a map holds. */
  readonly named: boolean;
}

const all: Field[] = [];
const collect = (schema: FieldSchema, path: string, named: boolean): void => {
  all.push({ path, schema: schema as Field['schema'], named });
  for (const [name, field] of Object.entries(schema.properties ?? {}))
    collect(field, `${path}.${name}`, true);
  if (schema.items) collect(schema.items, `${path}[]`, false);
  if (schema.additionalProperties) collect(schema.additionalProperties, `${path}.*`, false);
};
collect(resourceSchema(), '', true);
const pathsWhere = (test: (field: Field) => boolean): string[] => all.filter(test).map((field) => field.path);

describe('the resource definition', () => {
  test('names the resource as the types do', () => {
    expect(definition.metadata.name).toBe(`${plural}.${apiGroup}`);
    expect(definition.spec.group).toBe(apiGroup);
    expect(definition.spec.names).toMatchObject({
      kind,
      plural,
      shortNames: ['chc', 'chain'],
      categories: ['chaindb'],
    });
    expect(definition.spec.scope).toBe('Namespaced');
  });

  test('has status and scale, and their paths exist', () => {
    expect(version.subresources.status).toEqual({});
    const paths = pathsWhere(() => true);
    for (const path of Object.values(version.subresources.scale)) expect(paths).toContain(path);
  });

  test('prints columns from fields that exist', () => {
    const paths = pathsWhere(() => true);
    const columns: { name: string; jsonPath: string; priority?: number }[] = version.additionalPrinterColumns;
    const shown = columns.filter((column) => !column.priority).map((column) => column.name);
    expect(shown).toEqual(['Nodes', 'Ready', 'Chains', 'Leader', 'Version', 'Status', 'Age']);
    expect(columns.filter((column) => column.priority).map((column) => column.name)).toEqual([
      'Epoch',
      'Message',
    ]);
    for (const { jsonPath } of columns)
      expect([...paths, '.metadata.creationTimestamp']).toContain(jsonPath.replace(/\[\?.*\]/, '[]'));
  });
});

describe('the schema is one that the API server takes', () => {
  test('is large enough to be worth these checks', () => {
    expect(all.length).toBeGreaterThan(100);
  });

  test('every field has a description, metadata alone must not', () => {
    expect(pathsWhere(({ schema, named }) => named && !schema.description)).toEqual(['.metadata']);
  });

  test('every schema has a type', () => {
    const untyped = pathsWhere(({ schema }) => !schema.type && !schema['x-kubernetes-int-or-string']);
    expect(untyped).toEqual([]);
  });

  test('uses only keywords of structural schemas, and only those that explain.ts has words for', () => {
    const known = new Set([
      ...[
        'type',
        'format',
        'description',
        'default',
        'properties',
        'required',
        'items',
        'additionalProperties',
      ],
      ...[
        'enum',
        'minimum',
        'maximum',
        'minLength',
        'maxLength',
        'maxItems',
        'maxProperties',
        'pattern',
        'anyOf',
      ],
      ...['x-kubernetes-validations', 'x-kubernetes-int-or-string', 'x-kubernetes-preserve-unknown-fields'],
      ...['x-kubernetes-list-type', 'x-kubernetes-list-map-keys'],
    ]);
    const strange = all.flatMap(({ path, schema }) =>
      Object.keys(schema)
        .filter((word) => !known.has(word))
        .map((word) => `${path}: ${word}`),
    );
    expect(strange).toEqual([]);
  });

  test('every whole number of the spec has bounds and a default, every list a type and a length', () => {
    const spec = ({ path }: Field): boolean => path.startsWith('.spec.');
    const loose = pathsWhere(
      (field) =>
        spec(field) &&
        field.schema.type === 'integer' &&
        [field.schema.minimum, field.schema.maximum, field.schema.default].includes(undefined),
    );
    expect(loose).toEqual([]);
    const lists = pathsWhere(
      ({ schema }) => schema.type === 'array' && (!schema['x-kubernetes-list-type'] || !schema.maxItems),
    );
    expect(lists).toEqual([]);
  });

  test('keys of map lists are required in their entries', () => {
    for (const { schema } of all.filter(({ schema }) => schema['x-kubernetes-list-type'] === 'map'))
      expect(schema.items?.required).toEqual(
        expect.arrayContaining([...schema['x-kubernetes-list-map-keys']!]),
      );
  });

  test('every default is valid by itself', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false });
    const defaults = all.filter(({ schema }) => schema.default !== undefined);
    expect(defaults.length).toBeGreaterThan(40);
    for (const { path, schema } of defaults)
      expect(ajv.validate({ ...schema, default: undefined }, schema.default), path).toBe(true);
  });

  test('no rule stands where a default is an object: the API server checks defaults before it fills them', () => {
    const rulesAbove = pathsWhere(
      ({ schema }) => schema['x-kubernetes-validations'] !== undefined && typeof schema.default === 'object',
    );
    expect(rulesAbove).toEqual([]);
  });

  test('an empty spec becomes a whole one', () => {
    const resource = {
      apiVersion: 'x',
      kind: 'y',
      metadata: { name: 'demo' },
      spec: {} as Record<string, unknown>,
    };
    expect(applyDefaultsAndCheck(resource)).toEqual([]);
    expect(resource.spec).toMatchObject({
      slots: 64,
      replicationFactor: 3,
      nodes: 3,
      coordinators: 3,
      durability: 'fsync',
      storage: { size: '10Gi', retention: { whenDeleted: 'Retain', whenScaled: 'Retain' } },
      podTemplate: { metadata: { labels: {}, annotations: {} }, tolerations: [] },
      timings: {
        heartbeatMs: 200,
        readLeaseMs: 1000,
        suspectMs: 600,
        deadMs: 1200,
        coordinatorLeaseMs: 3000,
        coordinatorRenewMs: 1000,
        clockRatePercent: 5,
      },
      local: { basePort: 7400, dataDir: '.chaincluster' },
    });
    expect(resource.spec).not.toHaveProperty('image');
  });

  test('two resources do not share their defaults', () => {
    const [one, two] = [1, 2].map(() => ({
      metadata: { name: 'a' },
      spec: { resources: undefined as never },
    }));
    applyDefaultsAndCheck(one);
    applyDefaultsAndCheck(two);
    expect(one!.spec.resources).toEqual(two!.spec.resources);
    expect(one!.spec.resources).not.toBe(two!.spec.resources);
  });
});

describe('the rules of the definition', () => {
  const inDefinition = all.flatMap(({ path, schema }) =>
    (schema['x-kubernetes-validations'] ?? []).map((rule) => ({ at: path.slice(1), ...rule })),
  );

  test('are those of rules.ts, word for word', () => {
    const inCode = rules.map(({ at, rule, message, fieldPath }) => ({
      at,
      rule,
      message,
      ...(fieldPath && { fieldPath }),
    }));
    expect(inCode).toEqual(inDefinition);
  });

  test('blame and read fields that exist', () => {
    const paths = pathsWhere(() => true);
    for (const { at, fieldPath, reads } of rules) {
      expect(paths).toContain(`.${at}${fieldPath ?? ''}`);
      for (const field of reads) expect(paths).toContain(`.spec.${field}`);
    }
  });

  test('read what their text names', () => {
    for (const { at, rule, reads } of rules.filter((rule) => rule.at === 'spec')) {
      const named = [...rule.matchAll(/\bself\.([a-zA-Z.]+)/g)].map(([, path]) => path);
      expect(new Set(reads), `${at}: ${rule}`).toEqual(new Set(named));
    }
  });

  test('speak of a change exactly where their text does', () => {
    for (const { rule, holds, allows } of rules) {
      expect(allows !== undefined, rule).toBe(rule.includes('oldSelf'));
      expect(holds === undefined, rule).toBe(rule.includes('oldSelf'));
    }
  });

  test('say what is wrong and what to change', () => {
    for (const { message } of rules) expect(message.split('; ')).toHaveLength(2);
  });
});
