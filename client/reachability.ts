/** Why no node can be asked, from what the links know. */
import { ChainError } from '../protocol/errors.ts';
import type { NodeLink } from './node-links.ts';

/** Another cluster or version at every endpoint: waiting does not help. Null while it may. */
export function refusalOf(links: Iterable<NodeLink>): ChainError | null {
  const whys = [...links].map((link) => (link.state === 'down' ? link.why : null));
  const refused = (why: ChainError | null): boolean =>
    why?.code === 'WRONG_CLUSTER' || why?.code === 'PROTOCOL_VERSION';
  return whys.every(refused) ? (whys[0] ?? null) : null;
}

/** Names each endpoint and what is wrong with it. */
export function unreachableError(links: Iterable<NodeLink>, timeoutMs: number): ChainError {
  const each = [...links].map((link) =>
    link.state === 'up'
      ? `${link.address} answers and knows no chains yet`
      : (link.why?.message ?? `${link.address} does not answer`),
  );
  const what = `no endpoint told where the chains are within ${timeoutMs} ms: ${each.join('; ')}`;
  return new ChainError('UNAVAILABLE', `${what}. Is the cluster running, and are these its addresses?`);
}
