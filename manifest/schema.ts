/**
 * The schema of the ChainCluster resource, read from the custom resource definition itself: what the API server checks
 * and what is checked here is the same file.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';

export const definitionFile = join(import.meta.dirname, '../crds/chainclusters.chaincluster.dev.yaml');

/** The part of a structural schema that is used here. */
export interface FieldSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly additionalProperties?: FieldSchema;
  readonly items?: FieldSchema;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'map' | 'set';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-validations'?: readonly SchemaRule[];
}

/** One rule of the definition; `rule` is CEL over `self` and, where it speaks of a change, `oldSelf`. */
export interface SchemaRule {
  readonly rule: string;
  readonly message: string;
  /** Field that the rule blames, relative to where the rule stands. */
  readonly fieldPath?: string;
}

let loaded: FieldSchema | undefined;

/** The resource's schema, `spec` and `status` among its properties. Read once. */
export function resourceSchema(): FieldSchema {
  loaded ??= parse(readFileSync(definitionFile, 'utf8')).spec.versions[0].schema
    .openAPIV3Schema as FieldSchema;
  return loaded;
}

let validator: ValidateFunction | undefined;

/**
 * Fills in the defaults that the API server would and checks the resource, without the rules.
 * Changes `resource` in place, also when it is not valid. Empty when it is.
 */
export function applyDefaultsAndCheck(resource: unknown): ErrorObject[] {
  validator ??= compile();
  return validator(resource) ? [] : (validator.errors ?? []);
}

/** The schema of the field at `path`, such as ['spec', 'storage', 'size']; numbers are places in a list. */
export function schemaAt(path: readonly (string | number)[]): FieldSchema | undefined {
  return path.reduce<FieldSchema | undefined>((schema, part) => {
    if (typeof part === 'number') return schema?.items;
    const { properties } = schema ?? {};
    return properties && Object.hasOwn(properties, part) ? properties[part] : schema?.additionalProperties;
  }, resourceSchema());
}

/** Paths of every field called `name` that a person writes and that is not in a list, such as `spec.storage.size`. */
export function pathsOfField(name: string): string[] {
  return writableFields().filter((path) => path.slice(path.lastIndexOf('.') + 1) === name);
}

/** Paths of all fields that a person writes, those inside lists left out. */
export function writableFields(): string[] {
  const paths: string[] = [];
  const visit = (schema: FieldSchema, path: string): void => {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      paths.push(`${path}${name}`);
      visit(field, `${path}${name}.`);
    }
  };
  const { status: _ignored, ...properties } = resourceSchema().properties ?? {};
  visit({ properties }, '');
  return paths;
}

function compile(): ValidateFunction {
  const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: false, validateFormats: false });
  ajv.addKeyword({ keyword: 'uniqueBy', type: 'array', validate: hasUniqueEntries, errors: false });
  // The resource's own name comes with the API server's general checks; a file must bring it.
  const root = closed(resourceSchema()) as { properties: Record<string, object> };
  const metadata = { ...root.properties.metadata, required: ['name'], additionalProperties: true };
  return ajv.compile({
    ...root,
    required: ['metadata', 'spec'],
    properties: { ...root.properties, metadata, status: true },
  });
}

/**
 * The same schema for ajv. The API server reports a field that is not listed (`kubectl` asks it to); JSON Schema has to be told.
 * Lists that Kubernetes treats as sets or maps refuse a second entry of the same value or key.
 */
function closed(schema: FieldSchema): object {
  const { properties, additionalProperties, items, ...rest } = schema;
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const copy: Record<string, unknown> = { ...rest };
  if (schema['x-kubernetes-int-or-string']) {
    copy.type = ['integer', 'string'];
    delete copy.anyOf;
  }
  if (schema['x-kubernetes-list-type'] === 'set') copy.uniqueItems = true;
  if (schema['x-kubernetes-list-type'] === 'map') copy.uniqueBy = schema['x-kubernetes-list-map-keys'];
  if (properties) {
    copy.properties = Object.fromEntries(
      Object.entries(properties).map(([name, field]) => [name, closed(field)]),
    );
    if (!open) copy.additionalProperties = false;
  }
  if (additionalProperties) copy.additionalProperties = closed(additionalProperties);
  if (items) copy.items = closed(items);
  return copy;
}

function hasUniqueEntries(keys: readonly string[], entries: readonly unknown[]): boolean {
  const seen = entries.map((entry) =>
    JSON.stringify(keys.map((key) => (entry as Record<string, unknown> | null)?.[key])),
  );
  return new Set(seen).size === seen.length;
}
