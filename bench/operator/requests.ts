/** Requests to the API server, by what they do. */

export const verbs = [
  ...(['list', 'watch', 'get', 'create', 'apply', 'patch', 'status', 'delete'] as const),
  /** Of the operator's own election: it goes on as long as the operator does, whatever there is to do. */
  'renew',
] as const;
export type Verb = (typeof verbs)[number];
const writes: readonly Verb[] = ['create', 'apply', 'patch', 'status', 'delete'];

/** `requests` as the fake API server notes them: `METHOD /path?query`. */
export function countVerbs(requests: readonly string[]): Map<Verb, number> {
  const counts = new Map<Verb, number>();
  for (const request of requests) {
    const verb = verbOf(request);
    counts.set(verb, (counts.get(verb) ?? 0) + 1);
  }
  return counts;
}

export function writesIn(counts: ReadonlyMap<Verb, number>): number {
  return writes.reduce((sum, verb) => sum + (counts.get(verb) ?? 0), 0);
}

function verbOf(request: string): Verb {
  const [method = '', target = ''] = request.split(' ');
  const [path = '', query = ''] = target.split('?');
  if (method === 'GET')
    return query.includes('watch=true') ? 'watch' : query.includes('limit=') ? 'list' : 'get';
  if (path.includes('/leases') && method !== 'PATCH') return 'renew';
  if (method === 'POST') return 'create';
  if (method === 'DELETE') return 'delete';
  if (path.endsWith('/status')) return 'status';
  return query.includes('force=true') ? 'apply' : 'patch';
}
