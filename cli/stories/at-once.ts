/** Calls `work` for each item, at most `width` at once. The first failure ends it and is thrown. */
export async function forEachAtOnce<T>(
  items: AsyncIterable<T> | Iterable<T>,
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  for await (const item of items) {
    if (underWay.size >= width) await Promise.race(underWay);
    const one = work(item).finally(() => underWay.delete(one));
    underWay.add(one);
  }
  await Promise.all(underWay);
}
