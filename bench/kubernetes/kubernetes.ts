/**
 * Kubernetes without machines: an API server in memory, with what its controllers and kubelets do about StatefulSets
 * and pods, and with the coordinators that would run in them. Pods take their time, but no process is started.
 */
import type { Pod } from '../../operator/objects/kinds.ts';
import { type FakeApiServer, startFakeApiServer } from '../../operator/runtime/fake-api-server.ts';
import { Chains } from './chains.ts';
import { CoordinatorAddresses } from './coordinators.ts';
import { type PodTimings, runKubelet } from './kubelet.ts';
import { Later } from './later.ts';
import { runStatefulSets } from './stateful-sets.ts';

/** A healthy API server shows this often that a watch is alive. */
const bookmarkMs = 60_000;

export interface SimulatedKubernetes {
  readonly server: FakeApiServer;
  close(): Promise<void>;
}

export async function startKubernetes(timings: PodTimings): Promise<SimulatedKubernetes> {
  // As in the real one: a deleted pod is shown as going until its kubelet has ended it.
  const server = await startFakeApiServer({ lingers: ({ kind }) => kind === 'Pod' });
  const later = new Later();
  const chains = new Chains(server, later);
  const addresses = new CoordinatorAddresses((pod: Pod) => chains.stateOf(pod));
  const bookmarks = setInterval(() => server.watches.bookmark(), bookmarkMs);
  runStatefulSets(server, later);
  runKubelet(server, later, addresses, timings);
  return {
    server,
    async close() {
      clearInterval(bookmarks);
      later.close();
      addresses.close();
      await server.close();
    },
  };
}
