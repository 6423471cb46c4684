import { type OpenArchive, openArchive } from "../archive/log/open-archive.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import type { Signer } from "../core/key.ts";
import type { Store } from "../store/port.ts";
import { openForWriting } from "./open-for-writing.ts";
import type { Remarks } from "./output.ts";
import type { Settings } from "./settings.ts";
import { defaultKeyFile, isThere, readKeyFile } from "./signing-key.ts";

/**
 * Opens an archive to be written to through a spool. Where it was written to from this machine before, that works while the
 * store can't be reached as well, if it is known by which key.
 * @throws what {@link openForWriting} throws
 */
export async function openDurable(
  store: Store,
  settings: Settings,
  threads: number | undefined,
  remarks: Remarks,
): Promise<{ archive: OpenArchive; signer: Signer }> {
  const signer = await findSigner(store, settings, remarks);
  const keys = settings.pinned.length > 0 ? settings.pinned : undefined;
  try {
    return { archive: await openArchive(store, { signer, spool: settings.spool, keys, threads }), signer };
  } catch (error) {
    // It says what a key that does not fit may mean.
    if (isSteleError(error, "proof.signature", "log.key")) await openForWriting(store, settings, remarks);
    throw error;
  }
}

async function findSigner(store: Store, settings: Settings, remarks: Remarks): Promise<Signer> {
  const warn = (message: string): void => remarks.warn(message);
  if (settings.keyFile !== undefined) return readKeyFile(settings.keyFile, warn);
  try {
    return (await openForWriting(store, settings, remarks)).signer;
  } catch (error) {
    if (!isSteleError(error, "store.unreachable")) throw error;
    const [pinned] = settings.pinned;
    const keyFile = pinned === undefined ? null : defaultKeyFile(pinned.name);
    if (keyFile !== null && (await isThere(keyFile))) return readKeyFile(keyFile, warn);
    throw new SteleError(
      error.code,
      `${error.message}. While the store can't be reached, --key-file (or --key) has to say whose archive it is`,
      { cause: error },
    );
  }
}
