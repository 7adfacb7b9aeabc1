/** Every planted bug. Each must be caught by the checks of the simulator, or the simulator has a hole. */
import type { PlantedBug } from './bug.ts';
import { chainBugs } from './bugs/chain.ts';
import { clientBugs } from './bugs/clients.ts';
import { coordinatorBugs } from './bugs/coordinators.ts';
import { joinBugs } from './bugs/joins.ts';
import { listBugs } from './bugs/lists.ts';
import { readBugs } from './bugs/reads.ts';
import { repetitionBugs } from './bugs/repetitions.ts';
import { rotBugs } from './bugs/rot.ts';
import { spaceBugs } from './bugs/space.ts';
import { writeBugs } from './bugs/writes.ts';

export const plantedBugs: readonly PlantedBug[] = [
  ...spaceBugs,
  ...writeBugs,
  ...clientBugs,
  ...readBugs,
  ...listBugs,
  ...chainBugs,
  ...joinBugs,
  ...repetitionBugs,
  ...coordinatorBugs,
  ...rotBugs,
];
