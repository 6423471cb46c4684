import { chmod, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Retention } from "../../../src/core/retention.ts";
import { createDirectoryStore, openDirectoryStore } from "../../../src/store/directory/directory.ts";
import type { Store } from "../../../src/store/port.ts";
import { NOW } from "../fixture.ts";
import { impossible, type Place, type Power } from "./place.ts";

const now = (): number => NOW;

/** A folder whose owner changes files behind the store's back. */
export class DirectoryPlace implements Place {
  readonly store: Store;
  readonly folder: string;
  readonly now: () => number = now;
  static readonly POWERS: ReadonlySet<Power> = new Set(["rewrite", "replace", "remove", "relock"]);
  readonly powers: ReadonlySet<Power> = DirectoryPlace.POWERS;
  readonly mode = "COMPLIANCE";

  private constructor(store: Store, folder: string) {
    this.store = store;
    this.folder = folder;
  }

  static async create(): Promise<DirectoryPlace> {
    const folder = await mkdtemp(join(tmpdir(), "stele-tamper-"));
    return new DirectoryPlace(await createDirectoryStore(folder, { now }), folder);
  }

  /** The same files in another folder, lock records and all. */
  async copy(): Promise<DirectoryPlace> {
    const folder = await mkdtemp(join(tmpdir(), "stele-tamper-"));
    await cp(this.folder, folder, { recursive: true });
    return new DirectoryPlace(await openDirectoryStore(folder, { now }), folder);
  }

  async put(key: string, body: Uint8Array, retention: Retention | null): Promise<null> {
    const { outcome } = await this.store.putIfAbsent(key, body, { retention });
    if (outcome === "exists") throw new Error(`${key} is taken: a folder keeps one version`);
    return null;
  }

  read(key: string): Promise<Uint8Array> {
    return readFile(join(this.folder, key));
  }

  async rewrite(key: string, alter: (body: Uint8Array) => Uint8Array): Promise<void> {
    const path = join(this.folder, key);
    await chmod(path, 0o600);
    await writeFile(path, alter(await readFile(path)));
    await chmod(path, 0o400);
  }

  async remove(key: string): Promise<void> {
    await rm(join(this.folder, key));
  }

  hide(): Promise<never> {
    return impossible();
  }

  async relock(key: string, retention: Retention | null): Promise<void> {
    const path = join(this.folder, ".stele/locks", `${key}.json`);
    const record = z.looseObject({ retention: z.unknown() }).parse(JSON.parse(await readFile(path, "utf8")));
    await chmod(path, 0o600);
    await writeFile(path, `${JSON.stringify({ ...record, retention })}\n`);
  }

  another(): Promise<DirectoryPlace> {
    return DirectoryPlace.create();
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
