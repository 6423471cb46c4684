import { expect, test } from "vitest";
import type { Commit } from "../../src/core/commit.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { newArchive, NOW } from "../archive/fixture.ts";
import { openLog, temporaryFolder } from "../archive/log/logs.ts";
import { content, wrongWith } from "../archive/runs.ts";

const YEAR = 365 * 86_400_000;

test.each([
  ["back an hour", NOW - 3_600_000],
  ["forward a year", NOW + YEAR],
  ["to 1970", 5000],
])(
  "the clock jumps %s within a segment, and stays there over a restart: order, locks and times of arrival hold",
  async (_, to) => {
    // The store's clock is right.
    const store = new MemoryStore({ now: () => NOW });
    await newArchive(store);
    const spool = await temporaryFolder();
    let shown = NOW;
    const now = (): number => shown;
    const first = await openLog(store, spool, { now });
    await first.log.append("a", { ack: "archived", source: "x" });
    await first.log.append("b", { source: "x" });
    shown = to;
    await first.log.append("c", { source: "x" });
    shown += 1;
    await first.log.append("d", { source: "y" });
    const commits: (Commit | null)[] = [await first.log.flush()];
    await first.log.append("e", { source: "x" });
    await first.log.close({ signal: AbortSignal.abort(new Error("left in the spool")) });
    const { opened, log } = await openLog(store, spool, { now });
    commits.push(await log.flush());
    await log.append("f", { source: "x" });
    commits.push(await log.flush());

    const times = (commit: Commit | null | undefined): number[] =>
      commit?.manifest.appends.map(({ time }) => Date.parse(time)) ?? [];
    expect(commits.map(times)).toEqual([[NOW, to, to + 1], [to + 1], [to + 1]]);
    const sealed = commits.map((commit) => Date.parse(commit?.manifest.sealed ?? ""));
    expect(sealed).toEqual(sealed.toSorted((a, b) => a - b));
    const untils = commits.map((commit) => Date.parse(commit?.manifest.retention.until ?? ""));
    expect(untils).toEqual(untils.toSorted((a, b) => a - b));
    // Neither in the past nor shorter than promised, whatever the clock showed.
    expect(Math.min(...untils)).toBeGreaterThanOrEqual(NOW + YEAR);
    expect(await content(opened)).toBe("a\nb\nc\nd\ne\nf\n");
    expect(await wrongWith(opened, Math.max(NOW, to))).toEqual([]);
  },
);
