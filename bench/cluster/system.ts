/** A replicated store that was started to be measured. */
export interface System {
  /** As reports call it. */
  readonly name: string;
  readonly kind: 'chaincluster' | 'etcd' | 'redis';
  /** What is true when a write is acknowledged. */
  readonly durability: string;
  /** How many nodes have each key. */
  readonly replicas: number;
  readonly endpoints: readonly string[];
  /** Processes whose CPU counts as the servers'. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** Looks every 20 ms until `holds`. @throws Error that says what did not come, and what `why` knows. */
export async function until(
  what: string,
  timeoutMs: number,
  holds: () => Promise<boolean> | boolean,
  why: () => string = () => '',
): Promise<void> {
  for (const end = performance.now() + timeoutMs; !(await holds()); ) {
    if (performance.now() > end)
      throw new Error(`${what} did not happen within ${timeoutMs / 1000} s. ${why()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
