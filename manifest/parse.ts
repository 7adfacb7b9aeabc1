/** From the text of a manifest to a ChainCluster with its defaults, or to everything that is wrong with it. */
import { findCluster, type Where } from './documents.ts';
import { type Explanation, explainAll } from './explain.ts';
import { meaninglessAt, type Place } from './place.ts';
import { formatPath, ManifestError, type Path, type Problem, type Warning } from './problem.ts';
import { brokenRules, type Rule } from './rules.ts';
import { applyDefaultsAndCheck } from './schema.ts';
import type { Source } from './source.ts';
import type { ChainCluster, ChainClusterSpec } from './types.ts';

export interface Parsed {
  readonly cluster: ChainCluster;
  /** What is left alone: fields that mean nothing at `place`, a status, other documents of the file. */
  readonly warnings: readonly Warning[];
}

/**
 * Reads one ChainCluster from YAML (or JSON, which is YAML) and fills in the defaults of the schema. On one machine
 * `coordinators` is 1 where the file says nothing.
 *
 * @param file name of the file as the person knows it, for messages only
 * @throws ManifestError with every problem of the file, each with line, column, field, reason and what to do
 */
export function parseManifest(text: string, file: string, place: Place = 'machine'): Parsed {
  const { source, where, warnings } = findCluster(text, file);
  const resource = readValue(source, where);

  if (place === 'machine') setOneCoordinator(resource);
  const explanations = explainAll(applyDefaultsAndCheck(resource), resource);
  const problems = explanations.map((each) => schemaProblem(each, source, where));
  const spec = specOf(resource);
  if (spec) {
    const suspect = explanations.flatMap((each) => [formatPath(each.path), each.meant ?? []].flat());
    problems.push(...rulesOver(spec, suspect).map((rule) => ruleProblem(rule, source, where)));
  }
  if (problems.length > 0) throw new ManifestError(file, problems);
  const { status: _ignored, ...cluster } = resource as ChainCluster;
  return {
    cluster,
    warnings: [...warnings, ...meaninglessFields(source, where, place)],
  };
}

function readValue(source: Source, where: Where): unknown {
  try {
    return source.value();
  } catch (error) {
    const reason = `its aliases do not resolve: ${(error as Error).message}`;
    const suggestion = 'write the values out instead of *aliases';
    throw new ManifestError(where.file, [
      { code: 'NOT_YAML', ...where, line: 1, column: 1, path: '', reason, suggestion },
    ]);
  }
}

function setOneCoordinator(resource: unknown): void {
  const spec = specOf(resource) as { coordinators?: number } | undefined;
  if (spec && spec.coordinators === undefined) spec.coordinators = 1;
}

function specOf(resource: unknown): ChainClusterSpec | undefined {
  const { spec } = resource as { spec?: unknown };
  return typeof spec === 'object' && spec !== null && !Array.isArray(spec)
    ? (spec as ChainClusterSpec)
    : undefined;
}

/** Rules that are broken and of which no field is in question already: one mistake gives one message. */
function rulesOver(spec: ChainClusterSpec, suspect: readonly string[]): Rule[] {
  const inQuestion = (field: string): boolean =>
    suspect.some((path) => path === field || field.startsWith(`${path}.`) || path.startsWith(`${field}[`));
  const sound = (rule: Rule): boolean => !rule.reads.some((field) => inQuestion(`spec.${field}`));
  return brokenRules(spec, sound);
}

function schemaProblem(explanation: Explanation, source: Source, where: Where): Problem {
  const { code, path, reason, suggestion } = explanation;
  const spot = code === 'UNKNOWN_FIELD' ? source.spotOfKey(path) : source.spotOfValue(path);
  return { code, ...where, ...spot, path: formatPath(path), reason, suggestion };
}

function ruleProblem(rule: Rule, source: Source, where: Where): Problem {
  const blamed = `${rule.at}${rule.fieldPath ?? ''}`;
  // Point at a line that the person wrote, even if the blamed field has its value by default.
  const written = [blamed, ...rule.reads.map((field) => `spec.${field}`)].find((path) =>
    source.has(parts(path)),
  );
  const [reason = '', suggestion = ''] = rule.message.split('; ');
  return {
    code: 'IMPOSSIBLE',
    ...where,
    ...source.spotOfValue(parts(written ?? blamed)),
    path: blamed,
    reason,
    suggestion,
  };
}

function meaninglessFields(source: Source, where: Where, place: Place): Warning[] {
  const here = place === 'machine' ? 'on one machine' : 'on Kubernetes';
  const reason = `means nothing ${here} and is left alone`;
  const suggestion = `remove it, or keep it for ${place === 'machine' ? 'Kubernetes' : 'one machine'}`;
  const warnings = meaninglessAt(place)
    .filter((path) => source.has(parts(path)))
    .map((path) => ({ ...where, ...source.spotOfKey(parts(path)), path, reason, suggestion }));
  const status = {
    path: 'status',
    reason: 'is written by the operator and is left alone',
    suggestion: 'remove it',
  };
  return source.has(['status'])
    ? [...warnings, { ...where, ...source.spotOfKey(['status']), ...status }]
    : warnings;
}

const parts = (path: string): Path => path.split('.');
