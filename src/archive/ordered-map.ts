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
  const source: { state: "open" | "ended" | "stopped"; failure: Error | null } = { state: "open", failure: null };
  let filling = false;
  let filled = Promise.resolve();
  let arrived = Promise.withResolvers<void>();

  const fill = async (): Promise<void> => {
    filling = true;
    while (source.state === "open" && running.length < width) {
      try {
        const next = await iterator.next();
        if (next.done === true) source.state = "ended";
        else running.push(started(map(next.value)));
      } catch (error) {
        source.failure = error instanceof Error ? error : new Error(String(error));
        source.state = "ended";
      }
      arrived.resolve();
      arrived = Promise.withResolvers();
    }
    filling = false;
  };
  const readAhead = (): void => {
    if (!filling) filled = fill();
  };

  try {
    for (;;) {
      readAhead();
      // Not for as many as fit: the next item may be long in coming, and this one is not to wait for it.
      while (running.length === 0 && source.state === "open") await arrived.promise;
      const [first] = running;
      if (first === undefined) break;
      const result = await first;
      void running.shift();
      readAhead();
      yield result;
    }
    if (source.failure !== null) throw source.failure;
  } finally {
    source.state = "stopped";
    await filled;
    await Promise.allSettled(running);
    await iterator.return?.();
  }
}

/** A rejection is thrown when its turn comes, not as unhandled before. */
function started<R>(call: Promise<R>): Promise<R> {
  call.catch(() => undefined);
  return call;
}
