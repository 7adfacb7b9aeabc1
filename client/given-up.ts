/** Errors of calls that this side gives up: what was sent may still take effect. */
import { ChainError, type Outcome } from '../protocol/errors.ts';

const fate = (outcome: Outcome): string =>
  outcome === 'definite' ? 'it did not take effect' : 'it may have taken effect';

export function closedError(outcome: Outcome): ChainError {
  return new ChainError('UNAVAILABLE', `the client was closed; ${fate(outcome)}`, { outcome });
}

export function abortedError(signal: AbortSignal, outcome: Outcome): ChainError {
  const message = `the caller's signal gave the call up; ${fate(outcome)}`;
  return new ChainError('DEADLINE_EXCEEDED', message, { outcome, cause: signal.reason });
}
