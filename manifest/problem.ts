/** What can be wrong with a manifest; the list is closed. */
export const problemCodes = [
  /** The text is not YAML. */
  'NOT_YAML',
  'DUPLICATE_KEY',
  /** No document of the file is a ChainCluster. */
  'NO_CLUSTER',
  'SEVERAL_CLUSTERS',
  /** `apiVersion` or `kind` is missing or another. */
  'WRONG_KIND',
  'UNKNOWN_FIELD',
  'MISSING_FIELD',
  'WRONG_TYPE',
  /** The type is right, the value is out of range or not among those allowed. */
  'WRONG_VALUE',
  /** Each value is allowed, but not beside the others. */
  'IMPOSSIBLE',
] as const;

export type ProblemCode = (typeof problemCodes)[number];

/** A place in the file and what is to be said about it. */
export interface Remark {
  readonly file: string;
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
  /** Number of the document within the file, from 1; only where the file has several. */
  readonly document?: number;
  /** Such as `spec.storage.size` or `spec.drain[0]`; empty for the whole document. */
  readonly path: string;
  /** What is wrong, as a sentence whose subject is the field at `path`. */
  readonly reason: string;
  /** What to do about it. */
  readonly suggestion: string;
}

export interface Problem extends Remark {
  readonly code: ProblemCode;
}

/** Says something that does not stop the cluster from running. */
export type Warning = Remark;

/** A manifest that cannot be used, with everything that is wrong with it in the order of its lines. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
  readonly file: string;
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
    super(sorted.map(formatRemark).join('\n'));
    this.file = file;
    this.problems = sorted;
  }
}

/** `file:line:column: path: reason; suggestion`, as compilers write and editors find. */
export function formatRemark(remark: Remark): string {
  const { file, line, column, document, path, reason, suggestion } = remark;
  const where = document === undefined ? '' : `document ${document}: `;
  return `${file}:${line}:${column}: ${where}${path === '' ? '' : `${path}: `}${reason}; ${suggestion}`;
}

/** `['spec', 'drain', 0]` as `spec.drain[0]`. */
export const formatPath = (path: Path): string =>
  path.map((part, at) => (typeof part === 'number' ? `[${part}]` : at === 0 ? part : `.${part}`)).join('');

/** A field: names, and numbers for places in a list. */
export type Path = readonly (string | number)[];
