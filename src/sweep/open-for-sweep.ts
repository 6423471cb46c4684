import { type Archive, openArchive } from "../archive/archive.ts";
import { isReadFailure } from "../archive/finding.ts";
import { SteleError, isSteleError } from "../core/error.ts";
import type { VerifierKey } from "../core/key.ts";
import type { Store } from "../store/port.ts";

/**
 * Opens an archive to sweep it. Where its description is gone or was changed, pinned keys stand in for it, and
 * the sweep tells what is the matter.
 *
 * @throws SteleError `store.not-found` where nothing is and no key is pinned; `log.unsound` where nobody can tell whose keys to
 *   believe; `log.key` where another archive's keys are pinned; `store.*`
 */
export async function openForSweep(store: Store, pinned: readonly VerifierKey[]): Promise<Archive> {
  try {
    return await openArchive(store, { pinned });
  } catch (error) {
    const [first] = pinned;
    // One that can't be read may name keys of single logs: without them, what is sound would look forged.
    if (!isSteleError(error) || error.code === "log.key" || isReadFailure(error.code)) throw error;
    if (first === undefined) {
      if (error.code === "store.not-found") throw error;
      throw new SteleError(
        "log.unsound",
        `${error.message}. Nobody can tell whose keys to believe; pin the archive's key with --key to sweep the rest`,
        { cause: error },
      );
    }
    return { store, origin: first.name, description: null, keys: pinned, keyPinned: true };
  }
}
