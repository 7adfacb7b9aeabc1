/**
 * An answer of the API server that is not a success, or no answer at all (`code` 0). The message is the server's own
 * sentence; bodies and headers are left out because they may hold secrets.
 */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  /** How long the server asked us to wait (header Retry-After), undefined when it did not say. */
  readonly retryAfterMs: number | undefined;

  constructor(init: {
    code: number;
    reason: string;
    message: string;
    retryAfterMs?: number | undefined;
    cause?: unknown;
  }) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = 'ApiError';
    this.code = init.code;
    this.reason = init.reason;
    this.retryAfterMs = init.retryAfterMs;
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}

/** The object changed (or is another one) since we read it: read again and decide anew. */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.code === 409;
}

export function isForbidden(error: unknown): boolean {
  return error instanceof ApiError && error.code === 403;
}

/** The resourceVersion that we asked to continue from is no longer kept by the server: list again. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 410 || error.reason === 'Expired');
}
