/** A process that makes load, so that the store, the generator and the bench itself have an event loop each. */
import type { Workload } from '../workload/workloads.ts';
import { ChainDriver } from './chain-driver.ts';
import type { Driver } from './driver.ts';
import { GrpcDriver } from './grpc-driver.ts';
import { LibraryDriver } from './library-driver.ts';
import { fill, perform } from './loops.ts';
import type { Counted, Run } from './run.ts';

/** `links`: the session over raw links. `library`: the public client. `grpc`: the gRPC services. */
export type ClientKind = 'links' | 'library' | 'grpc';

/** Orders may overlap; the outcome carries the id of its order. */
export interface Envelope<T> {
  readonly id: number;
  readonly content: T;
}

export type Order =
  | { readonly do: 'connect'; readonly endpoints: readonly string[]; readonly client: ClientKind }
  | { readonly do: 'fill'; readonly workload: Workload; readonly concurrency: number; readonly seed: number }
  | { readonly do: 'run'; readonly run: Run };

export type Outcome = { readonly counted: Counted | null } | { readonly failed: string };

const connectMs = 10_000;
let driver: Driver | null = null;

process.on('message', ({ id, content }: Envelope<Order>) => {
  const tell = (outcome: Outcome): void => void process.send?.({ id, content: outcome });
  carryOut(content).then(
    (counted) => tell({ counted }),
    (error: Error) => tell({ failed: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));

async function carryOut(order: Order): Promise<Counted | null> {
  switch (order.do) {
    case 'connect':
      driver?.close();
      driver = await connect(order);
      return null;
    case 'fill':
      await fill(connected(), order.workload, order.concurrency, order.seed);
      return null;
    case 'run':
      return perform(connected(), order.run);
    default:
      return order satisfies never;
  }
}

async function connect({ client, endpoints }: Extract<Order, { do: 'connect' }>): Promise<Driver> {
  switch (client) {
    case 'links':
      return ChainDriver.connect(endpoints, connectMs);
    case 'library':
      return LibraryDriver.connect(endpoints, connectMs);
    case 'grpc':
      return new GrpcDriver(endpoints);
    default:
      return client satisfies never;
  }
}

function connected(): Driver {
  if (driver === null) throw new Error('not connected');
  return driver;
}
