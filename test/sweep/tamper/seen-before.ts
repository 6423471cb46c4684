import { at } from "../../archive/tamper/case.ts";
import type { Scene } from "../../archive/tamper/scene.ts";
import type { Difference } from "./sweep-matrix.ts";

const truncated = { expected: () => [at("log.truncated", null, null)], verdict: "unsound" } as const;
const gone = {
  expected: () => [at("log.missing", null, null), at("log.truncated", null, null)],
  verdict: "unsound",
} as const;

/** Cases of which a sweep that saw the log before knows more than a verifier to whom nobody told anything. */
export const SEEN_BEFORE: Readonly<Record<string, Difference>> = {
  "the newest three commits deleted, and nothing remembered": truncated,
  "the newest three manifests deleted, their segments left": {
    expected: (scene: Scene) => [
      at("log.truncated", null, null),
      ...[6, 7, 8].map((index) => at("object.stray", null, scene.segment(index))),
    ],
    verdict: "unsound",
  },
  "the whole log deleted, and nothing remembered": gone,
  "the whole log deleted, and a checkpoint remembered": gone,
};
