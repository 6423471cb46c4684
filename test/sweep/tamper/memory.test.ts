import { TAMPER_CASES } from "../../archive/tamper/cases.ts";
import { MemoryPlace } from "../../archive/tamper/memory-place.ts";
import { Scene } from "../../archive/tamper/scene.ts";
import { SEEN_BEFORE } from "./seen-before.ts";
import { sweepMatrix } from "./sweep-matrix.ts";

sweepMatrix({
  where: "a versioned bucket",
  powers: MemoryPlace.POWERS,
  cases: TAMPER_CASES,
  build: () => Scene.build(new MemoryPlace({ conditionalPut: true })),
  seenBefore: SEEN_BEFORE,
});
