/** Opens the state store that the configuration names. */
import type { ClusterFile } from '../../process/cluster-file.ts';
import { ConfigError } from '../../process/endings.ts';
import type { Env } from '../../process/options.ts';
import { openDiskStateStore } from './disk.ts';
import { createKubernetesStateStore } from './kubernetes.ts';
import { openApi, placeOfPod } from './kubernetes-api.ts';
import type { StateStore } from './state-store.ts';

/** @throws ConfigError, StartError */
export async function openStateStore(cluster: ClusterFile, env: Env): Promise<StateStore> {
  const { stateStore: choice, namespace, timings } = cluster;
  switch (choice.kind) {
    case 'disk':
      return openDiskStateStore(choice.path);
    case 'kubernetes': {
      // A lost request must leave time to try again before the leadership ends.
      const timeoutMs = Math.floor(timings.coordinatorLeaseMs * 0.3);
      return createKubernetesStateStore(openApi(placeOfPod(env), timeoutMs), {
        namespace: namespace || env.POD_NAMESPACE || 'default',
        lease: choice.lease,
        configMap: choice.configMap,
      });
    }
    case 'none':
      throw new ConfigError(['stateStore is missing; it must say where coordinators keep their state']);
  }
}
