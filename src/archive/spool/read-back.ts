import type { NewAppend } from "../provenance.ts";
import type { ClosedFile } from "./delivery.ts";
import { spoolDamaged, spoolFailed } from "./failure.ts";
import type { SpoolFiles } from "./files.ts";
import { Runs } from "./runs.ts";
import { scanFile } from "./scan.ts";

/** What has to be known of a file to read it back. */
export type WrittenFile = Omit<ClosedFile, "since">;

/** A file's entries in one piece, and their provenance. @throws SteleError `spool.damaged`, `spool.failed` */
export async function readBack(
  files: SpoolFiles,
  origin: string,
  { path, first, count, rawBytes, fileBytes }: WrittenFile,
): Promise<{ readonly buffer: ArrayBuffer; readonly length: number; readonly appends: readonly NewAppend[] }> {
  const raw = new Uint8Array(new ArrayBuffer(rawBytes));
  const runs = new Runs(first);
  let length = 0;
  try {
    const file = await files.open(path);
    try {
      for await (const found of scanFile({ file, bytes: fileBytes, origin, first, next: first + count })) {
        if (found.kind !== "frame") throw spoolDamaged(path, found.offset, found.kind === "hole" ? found.reason : "it is torn");
        for (const delivery of found.deliveries) {
          const { at, bytes } = delivery;
          if (length + bytes > rawBytes) throw spoolDamaged(path, 0, `it holds more than the ${rawBytes} bytes of before`);
          raw.set(found.payload.subarray(at, at + bytes), length);
          length += bytes;
          runs.add(delivery.count, delivery.time, delivery.source, delivery.id);
        }
      }
    } finally {
      // What was read has its checksums: what close(2) reports does not matter.
      await file.close().catch(() => undefined);
    }
  } catch (error) {
    throw spoolFailed(error, `reading ${path}`);
  }
  if (length !== rawBytes) throw spoolDamaged(path, 0, `it holds ${length} bytes of entries instead of ${rawBytes}`);
  return { buffer: raw.buffer, length, appends: runs.list() };
}
