/** Turns what the schema check found into sentences for the person who wrote the manifest. */
import type { ErrorObject } from 'ajv';
import { nearest } from './nearest.ts';
import { formatPath, type Path, type ProblemCode } from './problem.ts';
import { pathsOfField, schemaAt, writableFields } from './schema.ts';

export interface Explanation {
  readonly code: ProblemCode;
  readonly path: Path;
  readonly reason: string;
  readonly suggestion: string;
  /** For an unknown field: the field that was probably meant, if one is near. */
  readonly meant?: string;
}

/** One explanation for each field; of several errors of one field the most basic. */
export function explainAll(errors: readonly ErrorObject[], resource: unknown): Explanation[] {
  const byPath = new Map<string, Explanation>();
  for (const error of errors) {
    const explanation = explain(error, resource);
    const path = formatPath(explanation.path);
    if (!byPath.has(path) || error.keyword === 'type') byPath.set(path, explanation);
  }
  return [...byPath.values()];
}

function explain(error: ErrorObject, resource: unknown): Explanation {
  const at = pathOf(error.instancePath, resource);
  const value = valueAt(resource, at);
  const { params } = error;
  const wrong = (reason: string, suggestion: string): Explanation => ({
    code: 'WRONG_VALUE',
    path: at,
    reason,
    suggestion,
  });
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownField(at, params.additionalProperty);
    case 'required':
      return missingField([...at, params.missingProperty]);
    case 'type':
      return { code: 'WRONG_TYPE', path: at, ...wrongType(params.type, value, at) };
    case 'enum': {
      const allowed: readonly string[] = params.allowedValues;
      const near = typeof value === 'string' ? nearest(value, allowed) : undefined;
      return wrong(`is ${show(value)}, which is not allowed`, `write ${near ?? allowed.join(' or ')}`);
    }
    case 'minimum':
      return wrong(`is ${show(value)}, which is too low`, `write ${params.limit} or more`);
    case 'maximum':
      return wrong(`is ${show(value)}, which is too high`, `write ${params.limit} or less`);
    case 'minLength':
      return wrong('is empty', 'give it a value, or remove the line');
    case 'maxLength':
      return wrong(`is longer than ${params.limit} characters`, `shorten it (now ${String(value).length})`);
    case 'maxItems':
    case 'maxProperties':
      return wrong(`has more than ${params.limit} entries`, 'remove some');
    case 'uniqueItems':
      return wrong(`names ${show(valueAt(value, [params.i]))} twice`, 'remove one of the two');
    case 'uniqueBy':
      return wrong('has two entries of the same name', 'remove one of the two, or rename it');
    case 'pattern':
      return wrong(`is ${show(value)}, which is not ${formOf(at).is}`, `write ${formOf(at).example}`);
    default:
      // The schema uses no other keyword; a test holds that.
      return wrong(error.message ?? `breaks ${error.keyword}`, describe(at));
  }
}

function unknownField(parent: Path, name: string): Explanation {
  const siblings = Object.keys(schemaAt(parent)?.properties ?? {}).filter(
    (field) => parent.length > 0 || field !== 'status',
  );
  const meant = meantField(parent, name, siblings);
  const suggestion = meant
    ? `did you mean ${meant}?`
    : siblings.length <= 10
      ? `known here: ${siblings.join(', ')}`
      : 'remove it; `kubectl explain chaincluster.spec` lists the fields';
  const reason =
    parent.length === 0 ? 'is not a field of a ChainCluster' : `is not a field of ${formatPath(parent)}`;
  return { code: 'UNKNOWN_FIELD', path: [...parent, name], reason, suggestion, ...(meant && { meant }) };
}

/** Words that other stores use for the same thing. */
const otherWords: Readonly<Record<string, string>> = {
  replicas: 'spec.replicationFactor',
  shards: 'spec.slots',
  partitions: 'spec.slots',
  buckets: 'spec.slots',
  servers: 'spec.nodes',
  instances: 'spec.nodes',
  size: 'spec.storage.size',
  version: 'spec.image',
};

function meantField(parent: Path, name: string, siblings: readonly string[]): string | undefined {
  const here = formatPath(parent);
  const elsewhere = pathsOfField(name);
  if (elsewhere.length === 1) return elsewhere[0];
  const near = nearest(name, siblings);
  if (near) return here === '' ? near : `${here}.${near}`;
  if (Object.hasOwn(otherWords, name)) return otherWords[name];
  const lastNames = new Map(writableFields().map((path) => [path.slice(path.lastIndexOf('.') + 1), path]));
  const far = nearest(name, [...lastNames.keys()]);
  return far ? lastNames.get(far) : undefined;
}

function missingField(path: Path): Explanation {
  const name = formatPath(path);
  const suggestion =
    name === 'metadata'
      ? 'write metadata: {name: demo}'
      : name === 'metadata.name'
        ? 'write the name of the cluster, such as demo'
        : name === 'spec'
          ? 'write spec: {} to have all defaults'
          : 'add it';
  return { code: 'MISSING_FIELD', path, reason: 'is missing', suggestion };
}

function wrongType(
  type: string | readonly string[],
  value: unknown,
  at: Path,
): { reason: string; suggestion: string } {
  const wanted = ([] as readonly string[]).concat(type);
  const name = String(at.at(-1));
  if (value === null) {
    const fallback = schemaAt(at)?.default;
    const removed =
      fallback === undefined
        ? 'remove the line'
        : `remove the line to have the default, ${JSON.stringify(fallback)}`;
    return { reason: 'has no value', suggestion: `give it one, or ${removed}` };
  }
  const reason = `must be ${wanted.map((each) => typeWords[each] ?? each).join(' or ')}, not ${describeValue(value)}`;
  const numeric = typeof value === 'string' && value.trim() !== '' && Number.isInteger(Number(value));
  if (wanted[0] === 'integer' && numeric)
    return { reason, suggestion: `write ${name}: ${Number(value)}, without quotes` };
  if (wanted.includes('string') && ['number', 'boolean'].includes(typeof value))
    return { reason, suggestion: `put it in quotes, ${name}: "${value}"` };
  if (wanted[0] === 'boolean') return { reason, suggestion: 'write true or false' };
  if (wanted[0] === 'array') return { reason, suggestion: `write a list, such as ${name}: [...]` };
  return { reason, suggestion: describe(at) };
}

const typeWords: Readonly<Record<string, string>> = {
  integer: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object with fields of its own',
};

function describeValue(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return `the text ${show(value)}`;
  return String(value);
}

/** What a pattern demands, in words. */
function formOf(at: Path): { is: string; example: string } {
  const path = formatPath(at);
  if (path === 'metadata.name')
    return {
      is: 'a name that Kubernetes allows here',
      example: 'lower-case letters, digits and hyphens, a letter first and no hyphen last, such as demo-1',
    };
  if (path === 'spec.storage.size') return { is: 'a size', example: 'a number and a unit, such as 10Gi' };
  if (/esources\.(requests|limits)\./.test(path))
    return { is: 'a quantity', example: 'a number and a unit, such as 500m or 1Gi' };
  if (path.startsWith('spec.drain'))
    return { is: 'the name of a node', example: 'a name that `chainctl status` shows' };
  const pattern = schemaAt(at)?.pattern ?? '';
  return { is: `of the form ${pattern}`, example: `text of the form ${pattern}` };
}

/** What the schema says the field is, its first sentence. */
const describe = (at: Path): string => {
  const description = schemaAt(at)?.description;
  return description === undefined
    ? 'correct it'
    : `it is: ${(description.split(/\. /)[0] ?? '').replace(/\.$/, '')}`;
};

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};

/** `/spec/drain/0` as ['spec', 'drain', 0]; only places in lists become numbers. */
function pathOf(pointer: string, resource: unknown): Path {
  const parts = pointer.split('/').slice(1);
  const path: (string | number)[] = [];
  let value = resource;
  for (const raw of parts) {
    const part = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(Array.isArray(value) ? Number(part) : part);
    value = valueAt(value, [part]);
  }
  return path;
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce(
    (value: unknown, part) => (value as Record<string, unknown> | null | undefined)?.[part],
    root,
  );
}
