/** How a process ends: one clear sentence and an exit code that a supervisor can tell apart. */
import { ChainError, InvariantBroken } from '../protocol/errors.ts';

export const exitCodes = {
  ok: 0,
  /** It could not start, or had to stop: the sentence says why. */
  failed: 1,
  /** Started again it will do better: the sentence says why. As sysexits' EX_TEMPFAIL. */
  again: 75,
  /** A bug was seen; it must not go on. As sysexits' EX_SOFTWARE. */
  broken: 70,
  /** The configuration is wrong: starting again does not help. As sysexits' EX_CONFIG. */
  config: 78,
} as const;

/** What is wrong with flags, environment or file; one sentence each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** What stops a process in operation, said in one sentence. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** What kept a process from going on is over: it ends so that its supervisor starts it anew. */
export class StartAgain extends Error {
  override readonly name = 'StartAgain';
}

export interface Ending {
  readonly code: number;
  readonly lines: readonly string[];
}

/** Errors that were foreseen are sentences; any other is a bug and comes with its stack. */
export function endingOf(error: unknown): Ending {
  if (error instanceof ConfigError) return { code: exitCodes.config, lines: error.problems };
  if (error instanceof StartAgain) return { code: exitCodes.again, lines: [error.message] };
  if (error instanceof InvariantBroken)
    return { code: exitCodes.broken, lines: [`broken invariant: ${error.stack ?? error.message}`] };
  const foreseen = error instanceof StartError || error instanceof ChainError || isStoreError(error);
  if (foreseen) return { code: exitCodes.failed, lines: [(error as Error).message] };
  return {
    code: exitCodes.broken,
    lines: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
  };
}

const isStoreError = (error: unknown): boolean => error instanceof Error && error.name === 'StoreError';
