/** From the text of a file to the one document in it that is a ChainCluster. */
import { isMap, LineCounter, parseAllDocuments, type YAMLError } from 'yaml';
import { mistakesBetween } from './nearest.ts';
import { ManifestError, type Problem, type ProblemCode, type Warning } from './problem.ts';
import { Source, spotAt } from './source.ts';
import { apiGroup, apiVersion, kind } from './types.ts';

export interface Found {
  readonly source: Source;
  /** What remarks about this document say of their place. */
  readonly where: Where;
  /** Other documents of the file, which are left alone. */
  readonly warnings: readonly Warning[];
}

export interface Where {
  readonly file: string;
  /** Only where the file has several documents. */
  readonly document?: number;
}

/** @throws ManifestError NOT_YAML, DUPLICATE_KEY, NO_CLUSTER, SEVERAL_CLUSTERS or WRONG_KIND */
export function findCluster(text: string, file: string): Found {
  const sources = readDocuments(text, file);
  const alone = sources.length === 1;
  const [found, ...more] = alone ? sources : sources.filter(looksLikeCluster);
  if (!found) throw new ManifestError(file, [noCluster(file, sources)]);
  if (more.length > 0)
    throw new ManifestError(
      file,
      more.map((source) => secondCluster(file, found, source)),
    );
  const where = alone ? { file } : { file, document: found.number };
  const wrong = wrongKind(found, where);
  if (wrong.length > 0) throw new ManifestError(file, wrong);
  const others = sources.filter((source) => source !== found);
  return { source: found, where, warnings: others.map((source) => leftAlone(file, source)) };
}

/** The documents of the file that hold something. */
function readDocuments(text: string, file: string): Source[] {
  const lines = new LineCounter();
  // Merge keys (`<<`) are not YAML 1.2, but kubectl knows them.
  const parsed = parseAllDocuments(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const documents = 'empty' in parsed ? [] : parsed;
  const failures = documents.flatMap(({ errors }, index) => {
    const where = documents.length === 1 ? { file } : { file, document: index + 1 };
    return errors.map((error) => ({ ...where, ...spotAt(lines, error.pos[0]), ...explainYaml(error, text) }));
  });
  if (failures.length > 0) throw new ManifestError(file, failures);
  return documents
    .map((document, index) => new Source(index + 1, document, lines))
    .filter((source) => !source.isEmpty());
}

type Said = { code: ProblemCode; path: string; reason: string; suggestion: string };

function explainYaml(error: YAMLError, text: string): Said {
  if (error.code === 'DUPLICATE_KEY') {
    const key = /^[^\s:]+/.exec(text.slice(error.pos[0]))?.[0] ?? '';
    const reason = `the key ${key} stands twice in one object`;
    return { code: 'DUPLICATE_KEY', path: '', reason, suggestion: 'remove one of the two' };
  }
  const reason = `not YAML: ${error.message.charAt(0).toLowerCase()}${error.message.slice(1)}`;
  const suggestion =
    error.code === 'TAB_AS_INDENT' ? 'indent with spaces' : 'correct this line, or the one before it';
  return { code: 'NOT_YAML', path: '', reason, suggestion };
}

function noCluster(file: string, sources: readonly Source[]): Problem {
  const reason =
    sources.length === 0
      ? 'the file is empty'
      : `no document of the file is a ChainCluster; it has ${sources.map(nameOfKind).join(', ')}`;
  const suggestion = 'start from examples/local.yaml';
  return { code: 'NO_CLUSTER', file, line: 1, column: 1, path: '', reason, suggestion };
}

function secondCluster(file: string, first: Source, source: Source): Problem {
  const reason = `is a ChainCluster too, as document ${first.number} is`;
  const place = { file, document: source.number, ...source.spotOfValue([]), path: '' };
  return { code: 'SEVERAL_CLUSTERS', ...place, reason, suggestion: 'write one ChainCluster to a file' };
}

function leftAlone(file: string, source: Source): Warning {
  const reason = `is a ${nameOfKind(source)} and is left alone`;
  const place = { file, document: source.number, ...source.spotOfValue([]), path: '' };
  return { ...place, reason, suggestion: 'apply it with kubectl where it is needed' };
}

/** Also true for a misspelled kind, so that a message can speak of it. */
function looksLikeCluster(source: Source): boolean {
  const ours = `${source.at(['apiVersion'])}`.startsWith(`${apiGroup}/`);
  return ours || mistakesBetween(`${source.at(['kind'])}`.toLowerCase(), kind.toLowerCase()) <= 2;
}

function wrongKind(source: Source, where: Where): Problem[] {
  const problem = (path: string, reason: string, suggestion: string): Problem => {
    const spot = source.spotOfValue(path === '' ? [] : [path]);
    return { code: 'WRONG_KIND', ...where, ...spot, path, reason, suggestion };
  };
  if (!isMap(source.at([])))
    return [
      problem('', 'is no object with apiVersion, kind, metadata and spec', 'start from examples/local.yaml'),
    ];
  return Object.entries({ apiVersion, kind }).flatMap(([name, wanted]) => {
    const got = source.at([name]);
    if (got === wanted) return [];
    const reason =
      got === undefined ? 'is missing' : `is ${JSON.stringify(got)}, which this release does not know`;
    return [problem(name, reason, `write ${name}: ${wanted}`)];
  });
}

function nameOfKind(source: Source): string {
  const name = source.at(['kind']);
  return typeof name === 'string' ? name : 'document without a kind';
}
