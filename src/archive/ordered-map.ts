/**
 * Maps `items` with at most `width` calls of `map` under way, giving results in the items' order. When `items` throws, the
 * results of all items before come out first. When the caller stops early or a call fails, no further call is started and
 * those under way are awaited.
 */
export async function* orderedMap<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  width: number,
  map: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const running: Promise<R>[] = [];
  let failure: { readonly error: unknown } | null = null;
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let ended = false;
  try {
    for (;;) {
      while (!ended && running.length < width) {
        try {
          const next = await iterator.next();
          if (next.done === true) ended = true;
          else running.push(started(map(next.value)));
        } catch (error) {
          failure = { error };
          ended = true;
        }
      }
      const first = running.shift();
      if (first === undefined) break;
      yield await first;
    }
    if (failure !== null) throw failure.error;
  } finally {
    await Promise.allSettled(running);
    if (!ended) await iterator.return?.();
  }
}

/** A rejection is thrown when its turn comes, not as unhandled before. */
function started<R>(call: Promise<R>): Promise<R> {
  call.catch(() => undefined);
  return call;
}
