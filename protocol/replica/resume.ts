/** What waited for a damaged record goes on: when it was found, when it is nowhere, when its time is over. */
import { failure } from '../replies.ts';
import type { Failure, WriteRequest } from '../requests.ts';
import type { Sufferer } from './damage.ts';
import { scanFor } from './joining.ts';
import { notListed } from './listing.ts';
import { read, readPage } from './reading.ts';
import { type Context, isHead, type Replica } from './state.ts';
import { overwrite, write } from './writing.ts';

/** Called when the node drains, before anything is sent. */
export function resumeFreed(r: Replica, ctx: Context): void {
  while (r.damage.freed.length > 0)
    for (const { sufferer, state } of r.damage.freed.splice(0)) {
      if (sufferer.op === 'copy') scanAgain(r, ctx, sufferer);
      else if (sufferer.op === 'list') listAgain(r, ctx, sufferer, state);
      else if (r.role !== 'member' || r.installing !== null)
        ctx.reply(sufferer.tag, changing('NOT_READY', r));
      else if (sufferer.op === 'write' && !isHead(r)) ctx.reply(sufferer.tag, changing('NOT_HEAD', r));
      // From the beginning: the proof of a read, and every check of a write, are of the moment of the answer.
      else if (state === 'found') again(r, ctx, sufferer);
      else if (state === 'nowhere' && sufferer.op === 'write' && replacesAnything(sufferer.request))
        overwrite(r, ctx, sufferer.tag, sufferer.request, sufferer.until);
      else ctx.reply(sufferer.tag, corruptReply(r, ctx, sufferer, state === 'nowhere'));
    }
}

const changing = (code: 'NOT_READY' | 'NOT_HEAD', r: Replica): Failure =>
  failure(code, 'the chain changed; ask again', { route: r.installing ?? r.assignment });

function scanAgain(r: Replica, ctx: Context, s: Sufferer & { op: 'copy' }): void {
  const joiner = r.assignment?.joiner;
  if (r.role !== 'member' || r.installed !== s.installed || joiner?.node !== s.to) return;
  scanFor(r, ctx, s.to, joiner.incarnation, s.after);
}

/** The page is proven and read anew. */
function listAgain(
  r: Replica,
  ctx: Context,
  { ask }: Sufferer & { op: 'list' },
  state: 'found' | 'nowhere' | 'late',
): void {
  if (state === 'late') ctx.page(ask.tag, notListed(r, ctx, ': a record of it is being repaired'));
  else readPage(r, ctx, ask);
}

function again(r: Replica, ctx: Context, s: Sufferer & { op: 'read' | 'write' }): void {
  if (s.op === 'read') read(r, ctx, s.tag, s.request, s.until);
  else write(r, ctx, s.tag, s.request, s.until);
}

/** The present value does not matter to it. */
const replacesAnything = (q: WriteRequest): boolean => q.op !== 'add' && q.conditions.length === 0;

function corruptReply(
  r: Replica,
  ctx: Context,
  s: Sufferer & { op: 'read' | 'write' },
  nowhere: boolean,
): Failure {
  const where = `the record of this key in slot ${r.slot} at ${ctx.name} does not fit its checksum`;
  if (!nowhere) return failure('CORRUPT', `${where}, and no other member answered in time; ask again`);
  const next =
    s.op === 'read'
      ? 'put or delete the key without a condition, or bring back a member that holds it'
      : 'an add or a condition needs the present value: put or delete the key without a condition first';
  return failure('CORRUPT', `${where}, and no other member of its chain has a copy that does; ${next}`);
}
