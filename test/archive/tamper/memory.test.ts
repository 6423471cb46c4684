import { TAMPER_CASES } from "./cases.ts";
import { tamperMatrix } from "./matrix.ts";
import { MemoryPlace } from "./memory-place.ts";
import { Scene } from "./scene.ts";

for (const conditionalPut of [true, false]) {
  tamperMatrix({
    where: `a versioned bucket that ${conditionalPut ? "heeds" : "ignores"} If-None-Match`,
    powers: MemoryPlace.POWERS,
    cases: TAMPER_CASES,
    build: () => Scene.build(new MemoryPlace({ conditionalPut })),
  });
}
