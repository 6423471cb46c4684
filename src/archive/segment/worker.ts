import { parentPort } from "node:worker_threads";
import { type ErrorCode, isSteleError } from "../../core/error.ts";
import { errnoOf } from "../../store/directory/errno.ts";
import type { NewAppend } from "../provenance.ts";
import { nodeFiles } from "../spool/files.ts";
import { readBack, type WrittenFile } from "../spool/read-back.ts";
import { type OpenedSegment, openSegment, type SegmentPromise } from "./open.ts";
import { type SealedSegment, sealSegment } from "./seal.ts";

/** What the pool sends. Buffers are moved, not copied. */
export type Request =
  | { readonly kind: "seal"; readonly id: number; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly kind: "seal-file"; readonly id: number; readonly origin: string; readonly file: WrittenFile }
  | {
      readonly kind: "open";
      readonly id: number;
      readonly stored: Uint8Array<ArrayBuffer>;
      readonly promise: SegmentPromise;
      readonly keepRaw: boolean;
    };

/** What comes back; `buffer` is the memory that a seal was given, for its next use. */
export type Response =
  | { readonly kind: "sealed"; readonly id: number; readonly sealed: SealedSegment; readonly buffer: ArrayBuffer }
  | {
      readonly kind: "sealed-file";
      readonly id: number;
      readonly sealed: SealedSegment;
      readonly appends: readonly NewAppend[];
    }
  | { readonly kind: "opened"; readonly id: number; readonly opened: OpenedSegment }
  | {
      readonly kind: "failed";
      readonly id: number;
      readonly code: ErrorCode | null;
      readonly message: string;
      /** What the system said, where it did: `ENOSPC`. */
      readonly errno: string | null;
    };

parentPort?.on("message", (request: Request) => {
  work(request).catch((error: unknown) => {
    const code = isSteleError(error) ? error.code : null;
    const message = error instanceof Error ? error.message : String(error);
    const errno = isSteleError(error) ? errnoOf(error.cause) : null;
    send({ kind: "failed", id: request.id, code, message, errno }, []);
  });
});

async function work(request: Request): Promise<void> {
  switch (request.kind) {
    case "seal": {
      const sealed = sealSegment(new Uint8Array(request.buffer, 0, request.length));
      send({ kind: "sealed", id: request.id, sealed, buffer: request.buffer }, [
        sealed.stored.buffer,
        sealed.leaves.buffer,
        request.buffer,
      ]);
      return;
    }
    case "seal-file": {
      const { buffer, length, appends } = await readBack(nodeFiles, request.origin, request.file);
      const sealed = sealSegment(new Uint8Array(buffer, 0, length));
      // Freed now, as below: megabytes that wait for a garbage collection would pile up.
      buffer.transfer(0);
      send({ kind: "sealed-file", id: request.id, sealed, appends }, [sealed.stored.buffer, sealed.leaves.buffer]);
      return;
    }
    case "open": {
      const whole = openSegment(request.stored, request.promise);
      const opened = request.keepRaw
        ? whole
        : { ...whole, raw: new Uint8Array(0), ends: new Uint32Array(0), leaves: new Uint8Array(0) };
      request.stored.buffer.transfer(0);
      if (!request.keepRaw) whole.raw.buffer.transfer(0);
      send({ kind: "opened", id: request.id, opened }, [opened.raw.buffer, opened.ends.buffer, opened.leaves.buffer]);
    }
  }
}

function send(response: Response, moved: ArrayBuffer[]): void {
  parentPort?.postMessage(response, moved);
}
