/**
 * Maps `items` with at most `width` calls of `map` under way or waiting to be taken, giving results in the items' order.
 * Items are read ahead while the caller is busy with a result. When `items` throws, the results of all items before come out
 * first. When the caller stops early or a call fails, no further call is started and those under way are awaited.
 */
export async function* orderedMap<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  width: number,
  map: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const running: Promise<R>[] = [];
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let state: "open" | "ended" | "stopped" = "open";
  let failure: { readonly error: unknown } | null = null;
  let pump: Promise<void> | null = null;

  const fill = async (): Promise<void> => {
    while (state === "open" && running.length < width) {
      try {
        const next = await iterator.next();
        if (next.done === true) state = "ended";
        else running.push(started(map(next.value)));
      } catch (error) {
        failure = { error };
        state = "ended";
      }
    }
  };
  const readAhead = (): Promise<void> => {
    // Cleared after it was set, even when there was nothing to wait for.
    pump ??= fill().finally(() => {
      pump = null;
    });
    return pump;
  };

  try {
    for (;;) {
      while (running.length === 0 && state === "open") await readAhead();
      const [first] = running;
      if (first === undefined) break;
      void readAhead();
      const result = await first;
      running.shift();
      void readAhead();
      yield result;
    }
    if (failure !== null) throw (failure as { readonly error: unknown }).error;
  } finally {
    state = "stopped";
    await pump;
    await Promise.allSettled(running);
    await iterator.return?.();
  }
}

/** A rejection is thrown when its turn comes, not as unhandled before. */
function started<R>(call: Promise<R>): Promise<R> {
  call.catch(() => undefined);
  return call;
}
