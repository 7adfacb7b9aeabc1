/** Stories of a slow but steady way between node and coordinator, and of nodes that refuse orders (R44, R45). */
import { describe, expect, test } from 'vitest';
import type { StoreOutcome } from '../../protocol/coordinator/contract.ts';
import { CoordinatorCore } from '../../protocol/coordinator/coordinator.ts';
import { NodeCore } from '../../protocol/node/node.ts';
import { LabDisk } from '../../protocol/testing/lab.ts';
import { defaultTimings } from '../../protocol/timings.ts';
import { clientId, nodeName } from '../../protocol/words.ts';

/** One node and one coordinator, `oneWayMs` apart; the state store answers at once. */
function farApart(oneWayMs: number) {
  let mono = 1000;
  const now = () => ({ mono, wall: 1_700_000_000_000 + mono });
  const desired = {
    slots: 1,
    replicationFactor: 1,
    nodes: 1,
    begun: false,
    osRestart: 'wait' as const,
    drain: [],
    timings: defaultTimings,
    concurrentMoves: 1,
  };
  const coordinator = new CoordinatorCore(
    {
      name: 'c',
      process: 1,
      address: 'c:1',
      objects: { lease: 'the lease', state: 'the state' },
      newClusterId: 'far',
      desired,
    },
    now(),
  );
  const disk = new LabDisk();
  const node = new NodeCore(
    {
      name: nodeName('n'),
      place: { address: 'n:1', grpc: '', admin: '', zone: '', host: '', weight: 1 },
      slots: 1,
      timings: defaultTimings,
      coordinators: ['c:1'],
      ownClient: clientId(9),
      lockProof: true,
    },
    disk.boot('store-n'),
    now(),
  );
  node.handle({ kind: 'coordinatorLink', to: 'c:1', up: true }, now());
  const travelling: { readonly at: number; readonly arrive: () => void }[] = [];
  const send = (arrive: () => void): void => void travelling.push({ at: mono + oneWayMs, arrive });
  const objects = new Map<string, { value: string; tag: number }>();
  const seen = { registrations: 0, unknown: 0, saves: 0, sets: 0 };

  function store(call: ReturnType<CoordinatorCore['drain']>['stores'][number]): StoreOutcome {
    const found = objects.get(call.object);
    const tag = found === undefined ? null : `${found.tag}`;
    if (call.op === 'read') return { kind: 'read', value: found?.value ?? null, tag };
    if (tag !== call.expect) return { kind: 'conflict' };
    if (call.object === 'state') seen.saves++;
    const next = (found?.tag ?? 0) + 1;
    objects.set(call.object, { value: call.value, tag: next });
    return { kind: 'written', tag: `${next}` };
  }

  function settle(): void {
    for (let moved = true; moved; ) {
      const { control } = node.drain();
      const batch = node.takeBatch();
      if (batch !== null) {
        disk.write(batch.items);
        node.handle({ kind: 'persisted', batch: batch.id }, now());
      }
      for (const { message } of control) {
        if (message.kind === 'register') seen.registrations++;
        send(() => coordinator.handle({ kind: 'node', link: 'n#1', message }, now()));
      }
      const { stores, sends } = coordinator.drain();
      for (const call of stores)
        coordinator.handle({ kind: 'stored', id: call.id, outcome: store(call) }, now());
      for (const { message } of sends) {
        if (message.kind === 'refused' && message.code === 'UNKNOWN_INCARNATION') seen.unknown++;
        if (message.kind === 'set') seen.sets++;
        send(() => node.handle({ kind: 'coordinator', from: 'c:1', message }, now()));
      }
      moved = control.length + stores.length + sends.length > 0 || batch !== null;
    }
  }

  return {
    node,
    seen,
    get version() {
      return coordinator.view(now()).chains[0]?.version ?? 0;
    },
    leased: () => node.view().leaseUntil > mono,
    run(ms: number): void {
      for (const end = mono + ms; mono < end; ) {
        mono += 5;
        if (mono % 25 === 0) node.handle({ kind: 'tick' }, now());
        if (mono % 50 === 0) coordinator.handle({ kind: 'tick' }, now());
        for (const t of travelling.filter((x) => x.at <= mono)) {
          travelling.splice(travelling.indexOf(t), 1);
          t.arrive();
          settle();
        }
        settle();
      }
    },
  };
}

describe('R23: a registration that is repeated over a slow way gets the incarnation that was issued', () => {
  test.each([20, 99, 101, 150, 250, 300])(
    '%d ms each way: admitted, and nothing is saved again and again',
    (ms) => {
      const far = farApart(ms);
      far.run(12_000);
      expect(far.node.admitted).toBe(true);
      expect(far.seen.unknown).toBe(0);
      expect(far.version).toBeLessThan(4);
      const { saves, sets } = far.seen;
      // Steady latency is no news: no save, no set, and the lease never lapses.
      for (let i = 0; i < 100; i++) {
        far.run(100);
        expect(far.leased()).toBe(true);
      }
      expect(far.seen.saves).toBe(saves);
      expect(far.seen.sets).toBe(sets);
    },
  );
});
