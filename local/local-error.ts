/** What stops a local cluster from starting, in one sentence that says what to do. */
export class LocalError extends Error {
  override readonly name = 'LocalError';
}
