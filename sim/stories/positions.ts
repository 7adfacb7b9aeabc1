/** Positions as stories write them down. */
import { chainVersion, type Position, seq } from '../../protocol/words.ts';

export const position = (version: number, at: number): Position => ({
  version: chainVersion(version),
  seq: seq(at),
});
