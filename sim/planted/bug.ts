/** A planted bug: a patch that breaks one rule, and the runs in which that shows soonest. */
import type { Edit, Patch } from './patch.ts';
import type { ProfileName } from './profiles.ts';

export interface PlantedBug extends Patch {
  /** Where the rule is: R, P or a number of docs/protocol.md. */
  readonly rule: string;
  /** What the patched code does, in one sentence. */
  readonly wrong: string;
  /** Runs in which it shows soonest; `any` = the same runs that every seed has. */
  readonly profile: ProfileName;
}

export const edit = (file: string, find: string, replace: string): Edit => ({
  file: `protocol/${file}`,
  find,
  replace,
});

export const bug = (
  name: string,
  rule: string,
  wrong: string,
  edits: readonly Edit[],
  profile: ProfileName = 'any',
): PlantedBug => ({ name, rule, wrong, edits, profile });
