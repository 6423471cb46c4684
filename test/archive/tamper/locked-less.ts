import type { Retention } from "../../../src/core/retention.ts";
import type { Store } from "../../../src/store/port.ts";

/** Puts some objects with a lesser lock than asked for, and says that they have the one asked for. */
export function lockedLess(
  store: Store,
  isMeant: (key: string) => boolean,
  lesser: (asked: Retention) => Retention | null,
): Store {
  const asked = new Map<string, Retention>();
  return {
    url: store.url,
    capabilities: store.capabilities,
    putIfAbsent: (key, body, options) => {
      const { retention } = options;
      if (retention === null || !isMeant(key)) return store.putIfAbsent(key, body, options);
      asked.set(key, retention);
      return store.putIfAbsent(key, body, { ...options, retention: lesser(retention) });
    },
    lockState: async (key, options) => {
      const retention = asked.get(key);
      return retention === undefined ? store.lockState(key, options) : { retention, legalHold: false };
    },
    get: (key, options) => store.get(key, options),
    head: (key, options) => store.head(key, options),
    versions: (prefix, options) => store.versions(prefix, options),
    extendRetention: (key, retention, options) => store.extendRetention(key, retention, options),
    setLegalHold: (key, held, options) => store.setLegalHold(key, held, options),
  };
}
