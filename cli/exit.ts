/** How a command ends: exit codes and the sentence of an error. */
import { ChainError, ConditionFailed } from '../client/index.ts';
import type { Output } from './world.ts';

export const exitCodes = {
  ok: 0,
  error: 1,
  usage: 2,
  notFound: 3,
  /** Unavailable, or no answer in time. */
  unavailable: 4,
  /** A condition did not hold. */
  conflict: 5,
} as const;

/** A command that cannot be carried out as it was given. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A command that ends with this code; the message is all that there is to say. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.error) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Tells the error and gives the exit code. `wrote`: a write was asked for, so its fate is told. */
export function reportError(error: unknown, stderr: Output, wrote: boolean): number {
  if (error instanceof UsageError) {
    stderr.write(`chainctl: ${error.message}\n`);
    return exitCodes.usage;
  }
  if (error instanceof CommandFailed) {
    if (error.message !== '') stderr.write(`chainctl: ${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof ChainError) {
    stderr.write(`chainctl: ${error.code}: ${error.message}${wrote ? fateOf(error) : ''}\n`);
    return exitCodeOf(error);
  }
  const foreseen = error instanceof Error && (error.name === 'LocalError' || error.name === 'ManifestError');
  stderr.write(`chainctl: ${foreseen ? error.message : ((error as Error)?.stack ?? String(error))}\n`);
  return exitCodes.error;
}

function fateOf(error: ChainError): string {
  if (/take(n)? effect/.test(error.message)) return '';
  return error.outcome === 'definite'
    ? '; it did not take effect'
    : '; it may have taken effect: read the key to know';
}

const badInput = new Set<string>([
  'BAD_REQUEST',
  'KEY_EMPTY',
  'KEY_TOO_LONG',
  'VALUE_TOO_LARGE',
  'DEADLINE_PAST',
]);
const unavailable = new Set<string>([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'AMBIGUOUS',
  'OVERLOADED',
  'NOT_READY',
  'NO_PROOF',
  'NOT_HEAD',
  'NOT_MEMBER',
]);

function exitCodeOf(error: ChainError): number {
  if (error instanceof ConditionFailed || error.code === 'CONDITION_FAILED') return exitCodes.conflict;
  if (error.code === 'NOT_FOUND') return exitCodes.notFound;
  if (badInput.has(error.code)) return exitCodes.usage;
  return unavailable.has(error.code) ? exitCodes.unavailable : exitCodes.error;
}
