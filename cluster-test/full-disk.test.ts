/** A node whose store failed because its disk was full comes back when there is room. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect } from '../client/index.ts';
import { type Store, StoreError } from '../node/store/store.ts';
import { endingOf } from '../process/endings.ts';
import { TestCluster } from './cluster.fixture.ts';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await TestCluster.make();
});
afterEach(() => cluster.end());

/** A store that runs out of room at the next write. */
function outOfRoom(store: Store): { readonly store: Store; failNow(): void } {
  const why = 'a write failed: IO error: 000005.log: No space left on device';
  let failing = false;
  const failed: Partial<Store> = {
    write: () => Promise.reject(new StoreError('STORE_FAILED', `store of a test: ${why}`)),
    state: 'failed',
    stats: () => ({ ...store.stats(), state: 'failed', reason: why }),
  };
  return {
    store: new Proxy(store, {
      get(of, name) {
        const at = failing && name in failed ? failed : of;
        const found: unknown = Reflect.get(at, name, at);
        return typeof found === 'function' ? found.bind(at) : found;
      },
    }),
    failNow() {
      failing = true;
    },
  };
}

/** Until the node is left out, chains that it heads refuse writes. */
function refused(error: unknown): void {
  expect(error).toMatchObject({
    code: 'DISK_FULL',
    message: expect.stringMatching(/the disk of x is full and its store failed/),
  });
}

test('it ends to be started anew, says why, and is a member again', { timeout: 60_000 }, async () => {
  await cluster.startCoordinator('c');
  const ends: unknown[] = [];
  let failNow = (): void => {};
  for (const name of ['a', 'b']) await cluster.startNode(name);
  await cluster.startNode('x', {
    onFatal: (error) => ends.push(error),
    wrapStore: (store) => {
      const wrapped = outOfRoom(store);
      failNow = wrapped.failNow;
      return wrapped.store;
    },
  });
  await cluster.full();
  const client = await connect({ endpoints: cluster.addresses });
  failNow();
  for (let i = 0; i < 20; i++) await client.put(`key-${i}`, 'v').catch(refused);
  await expect.poll(() => ends.length, { timeout: 15_000 }).toBeGreaterThan(0);
  const { code, lines } = endingOf(ends[0]);
  expect(code).toBe(75);
  expect(lines).toEqual([
    expect.stringMatching(/failed for want of room.*there is room again: this process ends/),
  ]);
  await cluster.kill('x');
  await cluster.startNode('x');
  await cluster.full();
  await client.put('after', 'v');
  expect(await client.get('after', { node: 'x' })).toMatchObject({ found: true });
  client.close();
});
