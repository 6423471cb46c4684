import { join } from "node:path";
import { createArchive } from "../../src/archive/archive.ts";
import { openArchive } from "../../src/archive/log/open-archive.ts";
import { signerFromSeed } from "../../src/core/key.ts";
import { parsePeriod } from "../../src/core/retention.ts";
import { createDirectoryStore } from "../../src/store/directory/directory.ts";
import type { Target } from "./append-load.ts";

const ORIGIN = "bench.example";
const SOURCE = "bench";

/** The library as a service uses it: every append durable in the spool, and archived into a folder at the same time. */
export async function steleLog(folder: string): Promise<Target> {
  const signer = signerFromSeed(ORIGIN, new Uint8Array(32).fill(7));
  const store = await createDirectoryStore(join(folder, "archive"));
  await createArchive(store, { origin: ORIGIN, signer, mode: "COMPLIANCE", period: parsePeriod("90d"), now: Date.now() });
  const archive = await openArchive(store, { signer, spool: join(folder, "spool") });
  const log = archive.log("events", { source: SOURCE });
  await log.open();
  return {
    async append(event) {
      await log.append(event);
    },
    async close() {
      await log.flush();
      let bytes = 0;
      for await (const entry of log) bytes += entry.bytes.length + 1;
      await archive.close();
      return bytes;
    },
  };
}
