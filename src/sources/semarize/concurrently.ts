/**
 * Works on items, `width` at a time, and gives what they say as soon as it is said. A worker that says something goes on
 * once the caller has taken it, so nothing piles up. When one throws, no further item is taken; those on their way end
 * first, and what they say is still given; then the first error is thrown. Stops taking items when the caller stops.
 */
export async function* concurrently<Item, Said>(
  items: Iterable<Item>,
  width: number,
  work: (item: Item, say: (said: Said) => Promise<void>) => Promise<void>,
): AsyncGenerator<Said, void, undefined> {
  const iterator = items[Symbol.iterator]();
  const waiting: { said: Said; taken: () => void }[] = [];
  const failures: unknown[] = [];
  let running = 0;
  let stopped = false;
  let wake = () => {};

  const say = (said: Said) =>
    new Promise<void>((taken) => {
      if (stopped) {
        taken();
        return;
      }
      waiting.push({ said, taken });
      wake();
    });

  async function worker(): Promise<void> {
    while (failures.length === 0 && !stopped) {
      const next = iterator.next();
      if (next.done === true) return;
      await work(next.value, say);
    }
  }

  for (; running < width; running++) {
    void worker()
      .catch((error: unknown) => failures.push(error))
      .finally(() => {
        running--;
        wake();
      });
  }
  try {
    for (;;) {
      const next = waiting.shift();
      if (next !== undefined) {
        yield next.said;
        next.taken();
      } else if (running === 0) {
        break;
      } else {
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
  } finally {
    stopped = true;
    for (const { taken } of waiting.splice(0)) taken();
  }
  if (failures.length > 0) throw failures[0];
}
