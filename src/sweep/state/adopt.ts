import { utf8 } from "../../core/bytes.ts";
import { parseCheckpoint } from "../../core/checkpoint.ts";
import { parseVerifierKey } from "../../core/key.ts";
import { parseTimestamp } from "../../core/time.ts";
import { findingFields } from "../finding-record.ts";
import type { FindingRecord } from "../finding-record.ts";
import type { Folded } from "../fold.ts";
import type { Database } from "./database.ts";
import { WHOLE_LOG } from "./ledger.ts";
import type { Passes } from "./passes.ts";
import type { RememberedLogs } from "./remembered-logs.ts";

/** Takes over what the archive's log of sweeps says, into a state that knows nothing yet. */
export function adopt(db: Database, logs: RememberedLogs, passes: Passes, folded: Folded): void {
  for (const { log, checkpoint, keys, sealed, nextBy, closed, seenAt } of folded.logs) {
    logs.put({
      name: log,
      checkpoint: parseCheckpoint(utf8(checkpoint)),
      keys: keys.map(parseVerifierKey),
      sealed,
      nextBy,
      closed,
      seenAt,
    });
  }
  for (const { round, log, shard, started, finished, nextBlock } of folded.passes) {
    const pass = passes.begin(round, log, shard, started, nextBlock);
    if (finished !== null) passes.finish(pass, finished);
  }
  for (const found of folded.findings) adoptFinding(db, found);
}

function adoptFinding(db: Database, found: FindingRecord): void {
  const { id, log, firstSeen, lastSeen, told, reminded, acknowledged, places } = found;
  db.run(
    "INSERT INTO findings (id, finding, log, first_seen, last_seen, told, reminded, ack_by, ack_why, ack_at, ack_until) " +
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    id,
    JSON.stringify(Object.fromEntries(Object.entries(found).filter(([name]) => name in findingFields))),
    log,
    parseTimestamp(firstSeen),
    lastSeen,
    told,
    reminded,
    acknowledged?.by ?? null,
    acknowledged?.why ?? null,
    acknowledged?.at ?? null,
    acknowledged?.until ?? null,
  );
  for (const place of places) {
    for (const round of place.rounds) {
      db.run(
        "INSERT OR IGNORE INTO sightings (finding, log, block, round) VALUES (?, ?, ?, ?)",
        id,
        place.log,
        place.block ?? WHOLE_LOG,
        round,
      );
    }
  }
}
