import { type Archive, openArchive } from "../archive/archive.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import type { Signer } from "../core/key.ts";
import type { Store } from "../store/port.ts";
import type { Remarks } from "./output.ts";
import type { Settings } from "./settings.ts";
import { defaultKeyFile, isThere, readKeyFile } from "./signing-key.ts";

/**
 * Opens an archive with the key that is to sign. Unless the user pinned a key, it is the signer's own that `archive.json`
 * must bear: a writer must not append to what someone else put in the archive's place.
 */
export async function openForWriting(
  store: Store,
  settings: Settings,
  remarks: Remarks,
): Promise<{ archive: Archive; signer: Signer }> {
  const warn = (message: string): void => remarks.warn(message);
  if (settings.keyFile !== undefined) {
    const signer = await readKeyFile(settings.keyFile, warn);
    return { archive: await openPinned(store, settings, signer), signer };
  }
  // Only to learn the name under which init put the key: what the archive says is believed once the key has signed it.
  const { origin } = await openArchive(store, { pinned: settings.pinned });
  const keyFile = defaultKeyFile(origin);
  if (!(await isThere(keyFile))) {
    throw new SteleError(
      "input.unreadable",
      `there is no signing key for ${origin}: expected it in ${keyFile}; name it with --key-file or STELE_KEY_FILE`,
    );
  }
  const signer = await readKeyFile(keyFile, warn);
  return { archive: await openPinned(store, settings, signer), signer };
}

async function openPinned(store: Store, settings: Settings, signer: Signer): Promise<Archive> {
  if (settings.pinned.length > 0) return openArchive(store, { pinned: settings.pinned });
  try {
    return await openArchive(store, { pinned: [signer.key] });
  } catch (error) {
    if (!isSteleError(error, "proof.signature", "log.key")) throw error;
    throw new SteleError(
      error.code,
      `${error.message}. The signing key ${signer.key.vkey} has not signed this archive's description: it is the key of another ` +
        `archive, or a later key of this one; if so, pin the archive's first key with --key`,
      { cause: error },
    );
  }
}
