import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** What `cluster.json` in a cluster's folder says. The file also marks the folder as one that may be removed. */
export interface CephState {
  readonly format: "stele-ceph/1";
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** Set once S3 has answered. */
  ready: boolean;
  /** In the order of their start. */
  readonly daemons: { name: string; pid: number }[];
}

const STATE: z.ZodType<CephState> = z.strictObject({
  format: z.literal("stele-ceph/1"),
  endpoint: z.url(),
  region: z.string(),
  accessKey: z.string(),
  secretKey: z.string(),
  ready: z.boolean(),
  daemons: z.array(z.strictObject({ name: z.string(), pid: z.int().positive() })),
});

/** @returns null when the folder holds no cluster. */
export async function readState(dir: string): Promise<CephState | null> {
  let text: string;
  try {
    text = await readFile(join(dir, "cluster.json"), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
  const state = STATE.safeParse(JSON.parse(text));
  if (!state.success) throw new Error(`${dir}/cluster.json is not a cluster's state file: ${z.prettifyError(state.error)}`);
  return state.data;
}

/** Written before each daemon's successor starts, so that `stop` finds every process also after a crash of `start`. */
export async function writeState(dir: string, state: CephState): Promise<void> {
  const next = join(dir, "cluster.json.next");
  await writeFile(next, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  await rename(next, join(dir, "cluster.json"));
}
