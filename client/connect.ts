import { randomInt } from 'node:crypto';
import { ChainError } from '../protocol/errors.ts';
import { parseAddress } from '../transport/socket.ts';
import { Caller } from './caller.ts';
import { Client } from './client.ts';

export interface ConnectOptions {
  /** `host:port` of links of any nodes or coordinators; one that answers is enough, the others are found. */
  readonly endpoints: readonly string[];
  /** Refuses to talk to any other cluster. @default '' the one whose endpoints these are */
  readonly clusterId?: string | undefined;
  /** Time for a call with all its attempts, in ms, where the call says nothing else. @default 10000 */
  readonly timeoutMs?: number | undefined;
  /** Time until an endpoint must have told where the chains are, in ms. @default 5000 */
  readonly connectMs?: number | undefined;
  /** Gives the connecting up. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects to a cluster. The client finds all of its nodes by itself and follows them when chains change; it keeps the
 * process running until it is closed.
 * @throws ChainError UNAVAILABLE, WRONG_CLUSTER (also when the endpoints are of more than one cluster), PROTOCOL_VERSION,
 * or BAD_REQUEST when an endpoint is no address
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  const { endpoints, clusterId = '', timeoutMs = 10_000, connectMs = 5000, signal } = options;
  if (endpoints.length === 0)
    throw new ChainError('BAD_REQUEST', 'no endpoints: name at least one host:port');
  for (const endpoint of endpoints) parseAddress(endpoint);
  if (!(timeoutMs > 0)) throw new ChainError('BAD_REQUEST', `timeoutMs is ${timeoutMs}; it must be above 0`);
  const caller = new Caller({
    endpoints: [...new Set(endpoints)],
    clusterId,
    client: randomInt(1, 2 ** 48 - 1),
  });
  try {
    await caller.ready(connectMs, signal);
  } catch (error) {
    caller.close();
    throw error;
  }
  return new Client(caller, timeoutMs);
}
