/** A planted bug: a patch that breaks one rule, and where that shows soonest. */
import type { Edit, Patch } from './patch.ts';
import type { ProfileName } from './profiles.ts';

/**
 * A scripted story (sim/stories), by the rule that its title names. For bugs that need an order of events which random
 * runs almost never have: the story is that order.
 */
export interface Story {
  readonly story: string;
}

export interface PlantedBug extends Patch {
  /** Where the rule is: R, P or a number of docs/protocol.md. */
  readonly rule: string;
  /** What the patched code does, in one sentence. */
  readonly wrong: string;
  /** Random runs in which it shows soonest, `any` = the same runs that every seed has; or the story that shows it. */
  readonly shows: ProfileName | Story;
}

export const edit = (file: string, find: string, replace: string): Edit => ({
  file: `protocol/${file}`,
  find,
  replace,
});

export const inStory = (story: string): Story => ({ story });

export const bug = (
  name: string,
  rule: string,
  wrong: string,
  edits: readonly Edit[],
  shows: ProfileName | Story = 'any',
): PlantedBug => ({ name, rule, wrong, edits, shows });
