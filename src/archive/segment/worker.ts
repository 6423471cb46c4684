import { parentPort } from "node:worker_threads";
import { type ErrorCode, isSteleError } from "../../core/error.ts";
import { type OpenedSegment, openSegment, type SegmentPromise } from "./open.ts";
import { type SealedSegment, sealSegment } from "./seal.ts";

/** What the pool sends. Buffers are moved, not copied. */
export type Request =
  | { readonly kind: "seal"; readonly id: number; readonly buffer: ArrayBuffer; readonly length: number }
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
  | { readonly kind: "opened"; readonly id: number; readonly opened: OpenedSegment }
  | { readonly kind: "failed"; readonly id: number; readonly code: ErrorCode | null; readonly message: string };

parentPort?.on("message", (request: Request) => {
  try {
    if (request.kind === "seal") {
      const sealed = sealSegment(new Uint8Array(request.buffer, 0, request.length));
      send({ kind: "sealed", id: request.id, sealed, buffer: request.buffer }, [
        sealed.stored.buffer,
        sealed.leaves.buffer,
        request.buffer,
      ]);
    } else {
      const whole = openSegment(request.stored, request.promise);
      const opened = request.keepRaw
        ? whole
        : { ...whole, raw: new Uint8Array(0), ends: new Uint32Array(0), leaves: new Uint8Array(0) };
      // Freed now: megabytes that wait for a garbage collection would pile up.
      request.stored.buffer.transfer(0);
      if (!request.keepRaw) whole.raw.buffer.transfer(0);
      send({ kind: "opened", id: request.id, opened }, [opened.raw.buffer, opened.ends.buffer, opened.leaves.buffer]);
    }
  } catch (error) {
    const code = isSteleError(error) ? error.code : null;
    send({ kind: "failed", id: request.id, code, message: error instanceof Error ? error.message : String(error) }, []);
  }
});

function send(response: Response, moved: ArrayBuffer[]): void {
  parentPort?.postMessage(response, moved);
}
