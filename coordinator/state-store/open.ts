/** Opens the state store that the configuration names. */

import type { StateStoreChoice } from '../../process/cluster-file.ts';
import { ConfigError } from '../../process/endings.ts';
import { openDiskStateStore } from './disk.ts';
import type { StateStore } from './state-store.ts';

/** @throws ConfigError, StartError */
export async function openStateStore(choice: StateStoreChoice): Promise<StateStore> {
  switch (choice.kind) {
    case 'disk':
      return openDiskStateStore(choice.path);
    case 'kubernetes':
      throw new ConfigError(['stateStore.kind is kubernetes, which this release does not have; use disk']);
    case 'none':
      throw new ConfigError(['stateStore is missing; it must say where coordinators keep their state']);
  }
}
