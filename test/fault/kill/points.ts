import type { SpoolFile, SpoolFiles } from "../../../src/archive/spool/files.ts";
import type { Store } from "../../../src/store/port.ts";

/**
 * Told of every step that makes something durable, before and after it is done: `put manifests before`, `spool write after`.
 * Names say what kind of thing it was, not which.
 */
export type OnPoint = (name: string) => void;

/** What lies at a key: the folder below the log, or the description's name. */
function kindOf(key: string): string {
  return /(?:^|\/)(segments|manifests|tiles|keys)\//.exec(key)?.[1] ?? key.slice(key.lastIndexOf("/") + 1);
}

/** A store that tells before and after it puts something or changes a lock. */
export function storeWithPoints(store: Store, onPoint: OnPoint): Store {
  const around = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    onPoint(`${name} before`);
    const result = await work();
    onPoint(`${name} after`);
    return result;
  };
  return {
    url: store.url,
    capabilities: store.capabilities,
    putIfAbsent: (key, body, options) => around(`put ${kindOf(key)}`, () => store.putIfAbsent(key, body, options)),
    lockState: (key, options) => around(`read lock ${kindOf(key)}`, () => store.lockState(key, options)),
    extendRetention: (key, retention, options) =>
      around(`extend ${kindOf(key)}`, () => store.extendRetention(key, retention, options)),
    setLegalHold: (key, held, options) => around(`hold ${kindOf(key)}`, () => store.setLegalHold(key, held, options)),
    get: (key, options) => store.get(key, options),
    head: (key, options) => store.head(key, options),
    versions: (prefix, options) => store.versions(prefix, options),
  };
}

/** Files that tell before and after each call that changes the disk or makes a change durable. */
export function filesWithPoints(files: SpoolFiles, onPoint: OnPoint): SpoolFiles {
  const around = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    onPoint(`spool ${name} before`);
    const result = await work();
    onPoint(`spool ${name} after`);
    return result;
  };
  const told = (file: SpoolFile): SpoolFile => ({
    write: (bytes, position) => around("write", () => file.write(bytes, position)),
    datasync: () => around("datasync", () => file.datasync()),
    truncate: (length) => around("truncate", () => file.truncate(length)),
    read: (into, position) => file.read(into, position),
    close: () => file.close(),
  });
  return {
    makeFolder: (path) => around("make folder", () => files.makeFolder(path)),
    list: (path) => files.list(path),
    create: async (path) => told(await around("create", () => files.create(path))),
    open: async (path) => told(await files.open(path)),
    rename: (from, to) => around("rename", () => files.rename(from, to)),
    remove: (path) => around("remove", () => files.remove(path)),
    syncFolder: (path) => around("sync folder", () => files.syncFolder(path)),
  };
}
