/**
 * The candidate that `word` was probably meant to be: the one that the fewest typing mistakes lead to, or none if it
 * takes more than a third of the word. Capital letters do not count.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const longest = Math.max(1, Math.floor(word.length / 3));
  const ranked = candidates
    .map((candidate) => ({
      candidate,
      mistakes: mistakesBetween(word.toLowerCase(), candidate.toLowerCase()),
    }))
    .filter(({ mistakes }) => mistakes <= longest)
    .sort((a, b) => a.mistakes - b.mistakes);
  return ranked[0]?.candidate;
}

/** Letters inserted, left out, replaced or swapped with their neighbour on the way from `a` to `b`. */
export function mistakesBetween(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        last[column]! + 1,
        current[column - 1]! + 1,
        last[column - 1]! + (same ? 0 : 1),
        swapped ? beforeLast[column - 2]! + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
}
