import { describe, expect, test } from "vitest";
import { type Archive, createArchive, openArchive } from "../../src/archive/archive.ts";
import { putDescription } from "../../src/archive/descriptions.ts";
import { keysOfArchive, keysOfLog } from "../../src/archive/key-ring.ts";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import { delegatedKeys } from "../../src/core/description.ts";
import { type Signer, signerFromSeed, type VerifierKey } from "../../src/core/key.ts";
import { ARCHIVE_DESCRIPTION_KEY } from "../../src/core/layout.ts";
import { parsePeriod } from "../../src/core/retention.ts";
import { withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { commitLines, listAll, NOW, openWriter, ORIGIN, OWNER, readAll, STRANGER } from "./fixture.ts";

const SWEEPS = signerFromSeed(`${ORIGIN}/_sweeps`, new Uint8Array(32).fill(9));
const OTHER = signerFromSeed(`${ORIGIN}/_sweeps`, new Uint8Array(32).fill(10));
const TERMS = { mode: "COMPLIANCE", period: parsePeriod("1y"), now: NOW } as const;
const now = (): number => NOW;

async function make(store: MemoryStore, delegated: readonly VerifierKey[], signer: Signer = OWNER): Promise<void> {
  await createArchive(store, { origin: ORIGIN, signer, ...TERMS, delegated });
}

/** An archive with a log of sweeps that its own key has signed. */
async function swept(): Promise<{ store: MemoryStore; archive: Archive }> {
  const store = new MemoryStore({ now });
  await make(store, [SWEEPS.key]);
  const archive = await openArchive(store, { pinned: [OWNER.key] });
  await commitLines(await openWriter(archive, { log: "_sweeps", signer: SWEEPS }), ["report"]);
  return { store, archive };
}

describe("a key that an archive names for one of its logs", () => {
  test("is believed for that log and those below it by whoever pinned the archive's, and for no other", async () => {
    const { archive } = await swept();
    expect(archive.keys.map(({ vkey }) => vkey)).toEqual([OWNER.key.vkey, SWEEPS.key.vkey]);
    const signs = (log: string): boolean =>
      keysOfLog(archive.keys, `${ORIGIN}/${log}`).some(({ publicKey }) => Buffer.from(publicKey).equals(SWEEPS.key.publicKey));
    expect(["_sweeps", "_sweeps/eu", "app", "_sweeps2", "_sweep", "app/_sweeps"].map(signs)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    expect((await readAll(archive, "_sweeps")).bytes.toString()).toBe("report\n");
  });

  test("verifies pinned by the archive's key alone, unpinned, and not by a key that the archive never named", async () => {
    const { store } = await swept();
    const verified = async (pinned: readonly VerifierKey[]): Promise<readonly string[]> =>
      (await verifyArchive(store, { pinned, level: "content", now: NOW, threads: 1 })).findings.map(({ code }) => code);
    expect(await verified([OWNER.key])).toEqual([]);
    expect(await verified([])).toEqual([]);
    expect(await verified([OWNER.key, OTHER.key])).toEqual([]);
    expect(await verified([STRANGER.key])).toContain("description.altered");
  });

  test("is not believed where the archive does not name it, whatever it signs", async () => {
    const store = new MemoryStore({ now });
    await make(store, []);
    const archive = await openArchive(store, { pinned: [OWNER.key] });
    // Someone who believes that key writes with it: the others don't.
    const fooled = { ...archive, keys: [...archive.keys, SWEEPS.key] };
    await commitLines(await openWriter(fooled, { log: "_sweeps", signer: SWEEPS }), ["report"]);
    const report = await verifyArchive(store, { pinned: [OWNER.key], level: "content", now: NOW, threads: 1 });
    expect(report.verdict).toBe("unsound");
    expect(report.findings.map(({ code }) => code)).toContain("checkpoint.bad-signature");
  });

  test("is not believed while the description that names it can't be had", async () => {
    const { store } = await swept();
    const hidden = withFaults(store, ({ call, key }) =>
      call === "get" && key === ARCHIVE_DESCRIPTION_KEY ? { kind: "unpersisted" } : null,
    );
    const report = await verifyArchive(hidden, { pinned: [OWNER.key], level: "manifests", now: NOW, threads: 1 });
    // Nor is what it signed called forged: whose it is can't be told.
    const codes = new Set(report.findings.map(({ code }) => code));
    expect(codes).toEqual(new Set(["description.unreadable", "log.unreadable"]));
    expect(report.verdict).toBe("unknown");
    expect(keysOfArchive(null, [OWNER.key])).toEqual([OWNER.key]);
  });

  test("can't stand in for the archive's: neither pinned alone, nor as signer of the description", async () => {
    const { store } = await swept();
    await expect(openArchive(store, { pinned: [SWEEPS.key] })).rejects.toMatchObject({ code: "proof.signature" });
    const forged = new MemoryStore({ now });
    await putDescription(forged, ARCHIVE_DESCRIPTION_KEY, { kind: "archive", origin: ORIGIN }, { ...TERMS, signer: SWEEPS });
    await expect(openArchive(forged, { pinned: [OWNER.key] })).rejects.toMatchObject({ code: "proof.signature" });
    await expect(openArchive(forged)).rejects.toThrow();
  });

  test("is delegated by an archive's description only, and only below its origin", () => {
    const elsewhere = signerFromSeed("audit.example/production/_sweeps", new Uint8Array(32).fill(9));
    const keys = [OWNER.key, SWEEPS.key, elsewhere.key].map(({ vkey }) => vkey);
    const said = {
      format: "stele/1",
      origin: ORIGIN,
      created: "2026-01-02T00:00:00.000Z",
      retention: { mode: "COMPLIANCE", period: "1y" },
      keys,
    };
    const description = (kind: "archive" | "log"): Parameters<typeof delegatedKeys>[0] => ({
      ...JSON.parse(JSON.stringify(said)),
      kind,
    });
    expect(delegatedKeys(description("archive")).map(({ vkey }) => vkey)).toEqual([SWEEPS.key.vkey]);
    expect(delegatedKeys(description("log"))).toEqual([]);
  });
});

describe("making an archive that names one", () => {
  test("again with the same, without it, and with another", async () => {
    const store = new MemoryStore({ now });
    await make(store, [SWEEPS.key]);
    expect(await createArchive(store, { origin: ORIGIN, signer: OWNER, ...TERMS, delegated: [SWEEPS.key] })).toMatchObject({
      created: false,
    });
    expect(await createArchive(store, { origin: ORIGIN, signer: OWNER, ...TERMS })).toMatchObject({ created: false });
    await expect(make(store, [OTHER.key])).rejects.toMatchObject({
      code: "store.exists",
      message: expect.stringContaining(OTHER.key.vkey),
    });
  });

  test.each(["audit.example/other/_sweeps", ORIGIN, `${ORIGIN}/`, `${ORIGIN}/segments`, `${ORIGIN}/Log`])(
    "a key called %s is of none of its logs: refused before anything is written",
    async (name) => {
      const store = new MemoryStore({ now });
      const { key } = signerFromSeed(name, new Uint8Array(32).fill(9));
      await expect(make(store, [key])).rejects.toMatchObject({ code: "input.invalid" });
      expect(await listAll(store)).toEqual([]);
    },
  );
});
