/** What a piece of work asked of a store: requests as S3 counts them, and bytes. */
export interface Cost {
  readonly gets: number;
  readonly heads: number;
  /** Pages of at most 1,000 keys. */
  readonly lists: number;
  /** Two for each lock: retention and legal hold are asked for one by one. */
  readonly locks: number;
  readonly puts: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export const NO_COST: Cost = { gets: 0, heads: 0, lists: 0, locks: 0, puts: 0, bytesRead: 0, bytesWritten: 0 };

/** All requests, whatever their kind. */
export function requestsOf({ gets, heads, lists, locks, puts }: Cost): number {
  return gets + heads + lists + locks + puts;
}

export function addCost(a: Cost, b: Cost): Cost {
  return combined(a, b, (x, y) => x + y);
}

/** What came on top of `before`. */
export function costSince(now: Cost, before: Cost): Cost {
  return combined(now, before, (x, y) => x - y);
}

function combined(a: Cost, b: Cost, by: (x: number, y: number) => number): Cost {
  return {
    gets: by(a.gets, b.gets),
    heads: by(a.heads, b.heads),
    lists: by(a.lists, b.lists),
    locks: by(a.locks, b.locks),
    puts: by(a.puts, b.puts),
    bytesRead: by(a.bytesRead, b.bytesRead),
    bytesWritten: by(a.bytesWritten, b.bytesWritten),
  };
}
