import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDirectoryStore, openDirectoryStore } from "../../src/store/directory/directory.ts";
import { withFaults } from "../../src/store/fault.ts";
import { withRetry } from "../../src/store/retry.ts";
import { type ContractSubject, storeContract } from "./store-contract.ts";

async function inNewFolder(open: (path: string) => Promise<ContractSubject["store"]>): Promise<ContractSubject> {
  const folder = await mkdtemp(join(tmpdir(), "stele-directory-"));
  return { store: await open(folder), cleanup: () => rm(folder, { recursive: true }) };
}

storeContract("directory", () => inNewFolder((folder) => createDirectoryStore(join(folder, "new", "archive"))));

storeContract("directory without lock records", () =>
  inNewFolder(async (folder) => {
    await mkdir(join(folder, "copy"));
    return openDirectoryStore(join(folder, "copy"));
  }),
);

storeContract("directory behind the decorators", () =>
  inNewFolder(async (folder) => withRetry(withFaults(await createDirectoryStore(folder), () => null))),
);
