import { describe, expect, it } from "vitest";
import { createArchive, openArchive } from "../../src/archive/archive.ts";
import { archiveSources } from "../../src/archive/archive-sources.ts";
import { streamSource } from "../../src/archive/input/source.ts";
import { readEntries } from "../../src/archive/log-reader.ts";
import { verifyArchive, type VerifyReport } from "../../src/archive/verify/verify.ts";
import { utf8 } from "../../src/core/bytes.ts";
import { signerFromSeed } from "../../src/core/key.ts";
import { timestamp } from "../../src/core/time.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { Readable } from "node:stream";

const signer = signerFromSeed("audit.example.org", new Uint8Array(32).fill(9));
const NOW = Date.UTC(2026, 10, 23);
const now = (): number => NOW;
const TEXT = "one\ntwo\nthree\n";

async function anArchive(): Promise<MemoryStore> {
  const store = new MemoryStore({ now });
  await createArchive(store, {
    origin: "audit.example.org",
    signer,
    mode: "COMPLIANCE",
    period: { count: 1, unit: "y" },
    now: NOW,
  });
  const archive = await openArchive(store, { pinned: [signer.key] });
  await archiveSources(archive, "app", [streamSource(Readable.from([utf8(TEXT)]), "stdin")], { signer, writerId: "w", now });
  return store;
}

/** Every object's newest bytes, as `aws s3 sync` from one bucket to another leaves them; in another order, so with other ids. */
async function copyOf(store: MemoryStore, until: number): Promise<MemoryStore> {
  const copy = new MemoryStore({ now });
  const keys: string[] = [];
  for await (const { key } of store.versions("")) keys.push(key);
  const retention = { mode: "COMPLIANCE", until: timestamp(until) } as const;
  await copy.putIfAbsent("unrelated/first", utf8("moves the ids on"), { retention: null });
  for (const key of keys.reverse()) {
    const { body } = await store.get(key, { maxBytes: 1 << 20 });
    await copy.putIfAbsent(key, body, { retention });
  }
  return copy;
}

const verified = (store: MemoryStore): Promise<VerifyReport> =>
  verifyArchive(store, { pinned: [signer.key], logs: ["app"], level: "content", now: NOW, threads: 1 });

describe("a copy of an archive in another bucket, where versions have other ids", () => {
  it("verifies the same way, and says that it is a copy", async () => {
    const report = await verified(await copyOf(await anArchive(), NOW + 400 * 86_400_000));
    expect(report.findings.map(({ code, severity }) => [code, severity])).toEqual([["object.copied", "info"]]);
    expect(report.verdict).toBe("sound");
  });

  it("gives the same entries back", async () => {
    const archive = await openArchive(await copyOf(await anArchive(), NOW + 400 * 86_400_000), { pinned: [signer.key] });
    const parts: Uint8Array[] = [];
    for await (const { bytes } of readEntries(archive, "app")) parts.push(bytes);
    expect(Buffer.concat(parts).toString()).toBe(TEXT);
  });

  it("is held to the locks that the original promised", async () => {
    const report = await verified(await copyOf(await anArchive(), NOW + 86_400_000));
    const short = report.findings
      .filter(({ code }) => code === "lock.short")
      .map(({ object }) => object?.replace(/\d{4}-\d\d-\d\d/, "DAY"));
    expect(new Set(short)).toEqual(
      new Set([
        "app/log.json",
        "app/manifests/0000000000000000.ndjson",
        "app/segments/dt=DAY/0000000000000000.ndjson.zst",
        "archive.json",
      ]),
    );
    expect(report.verdict).toBe("unsound");
  });

  it("is refused when its segment has other bytes", async () => {
    const copy = await copyOf(await anArchive(), NOW + 400 * 86_400_000);
    for await (const { key, versionId } of copy.versions("app/segments/")) {
      copy.corrupt(key, versionId ?? "", (body) => body.map((byte, i) => (i === 20 ? byte ^ 1 : byte)));
    }
    const report = await verified(copy);
    expect(report.verdict).toBe("unsound");
    expect(report.findings.map(({ code }) => code)).toContain("segment.missing");
  });
});
