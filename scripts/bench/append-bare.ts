import { close, fdatasync, open, write } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Target } from "./append-load.ts";

interface Waiting {
  readonly bytes: Buffer;
  readonly acked: () => void;
  readonly failed: (error: unknown) => void;
}

const LF = Buffer.from("\n");

/**
 * The least that a durable append can be: what came while the disk was busy is joined, written with one write, synced with one
 * datasync, and acknowledged. No checksum, no index, no identity, nothing archived.
 */
export async function bareLoop(folder: string): Promise<Target> {
  const fd = await promisify(open)(join(folder, "bare"), "w");
  const [writeAll, sync] = [promisify(write), promisify(fdatasync)];
  let waiting: Waiting[] = [];
  let running = false;
  let length = 0;

  const commit = async (): Promise<void> => {
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      try {
        const bytes = Buffer.concat(group.flatMap((one) => [one.bytes, LF]));
        const { bytesWritten } = await writeAll(fd, bytes, 0, bytes.length, length);
        if (bytesWritten !== bytes.length) throw new Error(`expected to write ${bytes.length} bytes, wrote ${bytesWritten}`);
        length += bytesWritten;
        await sync(fd);
        for (const { acked } of group) acked();
      } catch (error) {
        for (const { failed } of group) failed(error);
      }
      // Those who were just told append again before the next write begins.
      await new Promise(setImmediate);
    }
    running = false;
  };

  return {
    append: (bytes) =>
      new Promise((acked, failed) => {
        waiting.push({ bytes, acked, failed });
        if (running) return;
        running = true;
        setImmediate(() => void commit());
      }),
    async close() {
      await promisify(close)(fd);
      return length;
    },
  };
}
