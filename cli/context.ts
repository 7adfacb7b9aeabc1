/** What a command is given besides its arguments. */
import type { Command, OptionValues } from 'commander';
import type { Settings } from './settings.ts';
import type { World } from './world.ts';

export interface Context {
  readonly world: World;
  readonly settings: Settings;
  /** The flags of the command. */
  readonly flags: OptionValues;
  /** The tree that this command is in. */
  readonly program: Command;
}
