/**
 * What no store can help (R43): the saved state was set back while every node that knows more of a chain is away, so that
 * nothing tells it from the newest one, and the leader goes on from it.
 */
import { readState } from '../../protocol/coordinator/stored.ts';
import type { World } from '../world/world.ts';

/**
 * An excuse where coordinator `by` raised the version of a chain, in `after` over `before`, although a disk knows more of
 * that chain, and no node with such a disk is heard by this leader; '' = there is none.
 */
export function goesOnFromOlder(world: World, by: string, before: string | null, after: string): string {
  const [old, now] = [before === null ? null : readState(before), readState(after)];
  if (!old?.ok || !now.ok) return '';
  const view = world.coordinators.find((c) => c.name === by)?.host?.view();
  const isHeard = (name: string): boolean =>
    view?.nodes.some((n) => n.node === name && n.status === 'healthy') === true;
  for (const c of now.value.chains) {
    if (c.version <= (old.value.chains[c.slot]?.version ?? c.version)) continue;
    const namesOf = (members: readonly { readonly node: string }[]): string =>
      members.map((m) => m.node).join();
    const knowMore = world.nodes.filter(({ disk }) => {
      const known = disk.content.slots.get(c.slot)?.assignment;
      if (known === null || known === undefined) return false;
      return (
        known.version > c.version ||
        (known.version === c.version && namesOf(known.members) !== namesOf(c.members))
      );
    });
    if (knowMore.length > 0 && !knowMore.some((n) => isHeard(n.name)))
      return `slot ${c.slot}: the state was set back while ${knowMore.map((n) => n.name).join(', ')} was away, which knows more`;
  }
  return '';
}
