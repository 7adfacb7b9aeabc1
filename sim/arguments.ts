/** How commands of the simulator and of the torture read numbers; what is wrong ends the command with a sentence. */
import { InvalidArgumentError } from 'commander';

/** A whole number of at least `least`. */
export const whole =
  (least = 0) =>
  (text: string): number => {
    const n = Number(text);
    if (text.trim() !== '' && Number.isSafeInteger(n) && n >= least) return n;
    throw new InvalidArgumentError(`It is a whole number, ${least} or more.`);
  };

/** A number above 0, such as minutes. */
export function positive(text: string): number {
  const n = Number(text);
  if (Number.isFinite(n) && n > 0) return n;
  throw new InvalidArgumentError('It is a number above 0.');
}
