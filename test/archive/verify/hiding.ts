import type { ListOptions, ObjectVersion, Store } from "../../../src/store/port.ts";

/** The same store, whose listings leave keys out. All else finds them. */
export function hiding(store: Store, isHidden: (key: string, prefix: string) => boolean): Store {
  return forwarding(store, {
    async *versions(prefix: string, options?: ListOptions): AsyncIterable<ObjectVersion> {
      for await (const version of store.versions(prefix, options)) if (!isHidden(version.key, prefix)) yield version;
    },
  });
}

/** The same store, where some calls are answered otherwise. */
export function forwarding(store: Store, calls: Partial<Store>): Store {
  return {
    url: store.url,
    capabilities: store.capabilities,
    putIfAbsent: (...args) => store.putIfAbsent(...args),
    get: (...args) => store.get(...args),
    head: (...args) => store.head(...args),
    versions: (...args) => store.versions(...args),
    lockState: (...args) => store.lockState(...args),
    extendRetention: (...args) => store.extendRetention(...args),
    setLegalHold: (...args) => store.setLegalHold(...args),
    ...calls,
  };
}
