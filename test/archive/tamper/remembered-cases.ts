import { signCheckpoint } from "../../../src/core/checkpoint.ts";
import { at, type TamperCase } from "./case.ts";
import { COMMITS } from "./scene.ts";
import { LOG_ORIGIN, OWNER, STRANGER } from "../fixture.ts";

const elsewhere = { origin: LOG_ORIGIN, size: 5, root: new Uint8Array(32).fill(5) };
const OF_ANOTHER_HISTORY = await signCheckpoint(elsewhere, [OWNER.rename(LOG_ORIGIN)]);
const LONGER_AND_ANOTHER = await signCheckpoint({ ...elsewhere, size: COMMITS + 1 }, [OWNER.rename(LOG_ORIGIN)]);
const OF_A_STRANGER = await signCheckpoint(elsewhere, [STRANGER.rename(LOG_ORIGIN)]);

/** What a verifier remembers, against a log that nobody touched since. */
export const REMEMBERED_CASES: readonly TamperCase[] = [
  {
    name: "a remembered checkpoint of another history",
    tamper: async () => undefined,
    remembers: () => [OF_ANOTHER_HISTORY],
    expected: () => [at("checkpoint.inconsistent", 4, null)],
    verdict: "unsound",
    reads: { before: 0 },
  },
  {
    name: "a remembered checkpoint of a longer log",
    tamper: async () => undefined,
    remembers: () => [LONGER_AND_ANOTHER],
    expected: () => [at("log.truncated", null, null)],
    verdict: "unsound",
    reads: { before: 0 },
  },
  {
    name: "a remembered checkpoint that someone without the key signed",
    tamper: async () => undefined,
    remembers: () => [OF_A_STRANGER],
    expected: () => [at("checkpoint.bad-signature", null, null)],
    verdict: "unsound",
    reads: { before: 0 },
  },
];
