import { expect, test } from "vitest";
import { guardedFetch } from "../../../src/cli/guarded-fetch.ts";
import { Anchors } from "../../../src/cli/watch/anchors.ts";
import { eventLog } from "../../../src/cli/watch/event-log.ts";
import { parseCosignerKey } from "../../../src/core/cosignature.ts";
import { SteleError } from "../../../src/core/error.ts";
import { AnchoredLog, LOG_VKEY, NOBODY } from "../../archive/anchor/anchored.ts";
import { TestWitness } from "../../archive/anchor/witness.ts";
import { NO_POLICY } from "../../../src/archive/anchor/anchoring.ts";
import { LOG } from "../../archive/fixture.ts";

const never = new AbortController().signal;

test("a witness that knows another history makes the anchors unsound, whoever else did not answer", async () => {
  const [ours, theirs] = [await AnchoredLog.of(3), await AnchoredLog.of(2, Date.UTC(2020, 0))];
  await using witness = await TestWitness.start("witness.example/one", 11, ours.now);
  witness.knows(LOG_VKEY);
  const witnesses = [{ url: witness.url, key: parseCosignerKey(witness.vkey) }];
  await theirs.anchor({ witnesses, quorum: 1 });
  const log = eventLog("json", { write: () => undefined, now: ours.now });
  const { checkpoint } = await ours.anchor({});
  const state = { logs: () => [{ name: LOG, checkpoint }] };
  const anchors = new Anchors({ state, now: ours.now, log });
  const authorities = [{ url: "https://tsa.example/", trusted: [] }];
  const fetch = guardedFetch(["127.0.0.1"], () => Promise.reject(new SteleError("anchor.failed", "no such name")));
  const anchoring = { ...NOBODY, witnesses, quorum: 1, authorities };
  const configured = { anchoring, policy: NO_POLICY, fetch, every: "head" } as const;
  expect(await anchors.run(ours.archive, configured, never)).toMatchObject({
    outcome: "unsound",
    reason: expect.stringMatching(/witness witness\.example\/one: .*two histories.*; and 1 more$/),
  });
  const unreachable = { ...configured, anchoring: { ...anchoring, witnesses: [], quorum: 0 } };
  expect(await anchors.run(ours.archive, unreachable, never)).toMatchObject({ outcome: "failed" });
});
