/**
 * Works on `width` items at the same time and gives the results in the order of the items. While one result is in the
 * caller's hands at most `width` others exist. Stops taking items when the caller stops.
 */
export async function* inOrder<Item, Result>(
  items: Iterable<Item>,
  width: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const running: Promise<Result>[] = [];
  const iterator = items[Symbol.iterator]();
  const fill = () => {
    while (running.length < width) {
      const next = iterator.next();
      if (next.done === true) return;
      const result = work(next.value);
      // Whoever awaits it meets the error; when the caller stops before that, nobody has to.
      result.catch(() => undefined);
      running.push(result);
    }
  };
  fill();
  while (running.length > 0) {
    const result = await (running.shift() as Promise<Result>);
    fill();
    yield result;
  }
}
