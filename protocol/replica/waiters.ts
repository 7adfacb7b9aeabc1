/** Who waits for which entry: kept by position, so that nobody is told "done" for another entry than its own (2.6). */
import { failure } from '../replies.ts';
import type { Item } from './log.ts';
import type { Context, Replica } from './state.ts';

export function noteRequest(r: Replica, item: Item): void {
  let numbers = r.requests.get(item.entry.client);
  if (numbers === undefined) {
    numbers = new Map();
    r.requests.set(item.entry.client, numbers);
  }
  numbers.set(item.entry.number, item);
}

/** Everybody who waits for any entry hears that its fate is open. */
export function abandonAll(r: Replica, ctx: Context): void {
  for (let i = r.log.head; i < r.log.items.length; i++) abandonWaiters(r, ctx, r.log.items[i] as Item);
}

export function forgetRequest(r: Replica, item: Item): void {
  const requests = r.requests.get(item.entry.client);
  if (requests?.get(item.entry.number) !== item) return;
  requests.delete(item.entry.number);
  if (requests.size === 0) r.requests.delete(item.entry.client);
}

/** Everybody who waits for an uncommitted entry hears that its fate is open (rule 2.6). */
export function abandonWaiters(r: Replica, ctx: Context, item: Item): void {
  if (item.waiters === null) return;
  for (const w of item.waiters) {
    if (w.kind === 'refusal')
      ctx.reply(
        w.tag,
        failure('NOT_HEAD', 'the chain changed before the condition could be decided; ask again', {
          route: r.assignment,
        }),
      );
    else
      ctx.reply(
        w.tag,
        failure(
          'AMBIGUOUS',
          'the chain changed while the write was under way; retry it under the same request number',
          {
            route: r.assignment,
            slotTime: r.dedupe.time,
          },
        ),
      );
  }
  item.waiters = null;
}

/** A new head finds the requests of its log's uncommitted entries, so that retries of them wait (rule 2.9, R9). */
export function rebuildRequests(r: Replica): void {
  r.requests.clear();
  for (let i = r.log.head; i < r.log.items.length; i++) {
    const item = r.log.items[i] as Item;
    if (item.entry.seq > r.commit) noteRequest(r, item);
  }
}
