import { at, type TamperCase } from "./case.ts";
import { forgeNext } from "./forge.ts";
import { COMMITS } from "./scene.ts";
import { LOG_ORIGIN, OWNER, STRANGER, SUCCESSOR } from "../fixture.ts";

/** Whose word holds: keys that came, went, or never were the log's. */
export const KEY_CASES: readonly TamperCase[] = [
  {
    name: "the key rotated by the one in force, and a writer with the new key going on",
    tamper: async (scene) => {
      await scene.rotate(SUCCESSOR, { andCommits: 2 });
      await scene.append(2, { signer: SUCCESSOR });
    },
    remembers: (scene) => [scene.checkpoint(COMMITS), scene.checkpoint(scene.commits.length)],
    expected: () => [],
    verdict: "sound",
    reads: "all",
  },
  {
    name: "the key rotated by a key that is not in force",
    tamper: async (scene) => {
      const add = [STRANGER.rename(LOG_ORIGIN).key.vkey];
      const manifest = { manifest: (honest: typeof scene.head.manifest) => ({ ...honest, keys: { add, retire: [] } }) };
      const { commit } = await forgeNext(scene, scene.head, { signer: STRANGER, heartbeat: true, ...manifest });
      await forgeNext(scene, commit, { signer: STRANGER, heartbeat: true });
    },
    expected: ({ manifest }) => [COMMITS, COMMITS + 1].map((index) => at("checkpoint.bad-signature", index, manifest(index))),
    verdict: "unsound",
    reads: "all",
  },
  {
    name: "a next commit signed by a retired key",
    tamper: async (scene) => {
      await scene.rotate(SUCCESSOR, { andCommits: 2 });
      await forgeNext(scene, scene.head, { signer: OWNER });
    },
    expected: ({ manifest }) => [at("checkpoint.bad-signature", COMMITS + 3, manifest(COMMITS + 3))],
    allowed: ["object.stray"],
    verdict: "unsound",
    reads: "all",
  },
  {
    name: "a second manifest at an index, signed by a retired key",
    tamper: async (scene) => {
      await scene.rotate(SUCCESSOR, { andCommits: 2 });
      await forgeNext(scene, scene.commit(COMMITS), { signer: OWNER, heartbeat: true, attempt: 1 });
    },
    expected: () => [at("object.stray", COMMITS + 1, `app/manifests/${String(COMMITS + 1).padStart(16, "0")}.1.ndjson`)],
    verdict: "unsound",
    reads: "all",
  },
  {
    name: "the rotation deleted",
    needs: ["remove"],
    tamper: async (scene) => {
      await scene.rotate(SUCCESSOR, { andCommits: 1 });
      await scene.place.remove(scene.manifest(COMMITS));
    },
    // Without it nobody can tell whose the key is that signed what follows.
    expected: ({ manifest }) => [at("checkpoint.bad-signature", COMMITS + 1, manifest(COMMITS + 1))],
    allowed: ["object.stray", "manifest.missing"],
    verdict: "unsound",
    reads: "beginning",
  },
];
