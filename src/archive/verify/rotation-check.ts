import { sha256 } from "#sha256";
import type { Commit } from "../../core/commit.ts";
import { logKey, rotationKey, ROTATIONS_PREFIX } from "../../core/layout.ts";
import { type Finding, finding } from "../finding.ts";
import { rotationMark } from "../rotations.ts";
import { type CheckContext, checkPlaceLock, claimPlace } from "./claim-place.ts";
import type { ObjectScan } from "./object-scan.ts";

/** The marks beside manifests that rotate keys. */
export class RotationCheck {
  readonly #context: CheckContext;
  readonly #scan: ObjectScan | null;

  /** @param scan null where objects' versions are not looked at */
  constructor(context: CheckContext, scan: ObjectScan | null) {
    this.#context = context;
    this.#scan = scan;
  }

  async pass({ manifest }: Commit): Promise<void> {
    if (manifest.keys !== undefined) await this.#scan?.pass(rotationKey(manifest.index));
  }

  /** A rotation without its mark is not followed by those who read a part of the log. */
  async check({ manifest }: Commit): Promise<Finding[]> {
    if (manifest.keys === undefined || this.#scan === null) return [];
    const { log } = this.#context;
    const { index, retention } = manifest;
    const key = logKey(log.name, rotationKey(index));
    const mark = rotationMark(log, index);
    const { present, findings, missing } = await claimPlace(this.#context, this.#scan, rotationKey(index), {
      log: log.name,
      index,
      versionId: null,
      size: mark.length,
      sha256: sha256(mark),
      unreadable: "log.unreadable",
    });
    if (missing) {
      const message = `manifest ${index} rotates keys, and nothing in ${ROTATIONS_PREFIX} says so: who reads a part of the log may believe a retired key`;
      return [...findings, finding("rotation.unmarked", log.name, message, { object: key, index })];
    }
    if (present === null) return findings;
    return [...findings, ...(await checkPlaceLock(this.#context, key, present.versionId, index, retention))];
  }

  async *strays(upTo: string | null): AsyncGenerator<Finding, void, undefined> {
    if (this.#scan === null) return;
    for await (const { key, versionId } of this.#scan.unclaimed(upTo)) {
      const message =
        "it marks a key rotation that is none: left behind by an interrupted writer, or forged. It only costs readers time";
      yield finding("object.stray", this.#context.log.name, message, { object: key, versionId, severity: "info" });
    }
  }

  async close(): Promise<void> {
    await this.#scan?.close();
  }
}
