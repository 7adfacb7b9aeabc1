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

/** Endpoints of two clusters, when nobody said which one is meant: whoever answers first may be the wrong one. */
export function mixedUp(links: Iterable<NodeLink>): ChainError | null {
  const odd = [...links].find((link) => link.state === 'down' && link.why?.code === 'WRONG_CLUSTER');
  if (odd?.why == null) return null;
  return new ChainError(
    'WRONG_CLUSTER',
    `the endpoints are of more than one cluster: ${odd.why.message}; name endpoints of one cluster, or the id of the one that is meant`,
  );
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
