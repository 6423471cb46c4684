import { beforeAll, describe } from "vitest";
import { ABSENCE_CASES } from "../../archive/tamper/absence-cases.ts";
import { at, type TamperCase } from "../../archive/tamper/case.ts";
import { CephPlace } from "../../archive/tamper/ceph-place.ts";
import { CONTENT_CASES } from "../../archive/tamper/content-cases.ts";
import { EXTRA_CASES } from "../../archive/tamper/extra-cases.ts";
import { KEY_CASES } from "../../archive/tamper/key-cases.ts";
import { LESSER_LOCKS } from "../../archive/tamper/lock-cases.ts";
import { lockedLess } from "../../archive/tamper/locked-less.ts";
import { UNTOUCHED } from "../../archive/tamper/matrix.ts";
import { Scene } from "../../archive/tamper/scene.ts";
import { SIGNED_CASES } from "../../archive/tamper/signed-cases.ts";
import { TARGETS, VERSION_CASES } from "../../archive/tamper/version-cases.ts";
import { newBucket, type TestBucket } from "../../store/ceph-bucket.ts";
import { SEEN_BEFORE } from "./seen-before.ts";
import { sweepMatrix } from "./sweep-matrix.ts";

// Where a signed manifest lies does not change what is wrong with it, but for one that lies over another.
const SIGNED_HERE = SIGNED_CASES.filter(({ needs = [] }) => needs.includes("overwrite"));

// What bytes hold is the same anywhere: of such cases, every twelfth. What the server itself does, versions, markers, locks and
// what is gone, is played whole.
let bucket: TestBucket;
beforeAll(async () => {
  bucket = await newBucket();
});

sweepMatrix({
  where: "Ceph",
  powers: CephPlace.POWERS,
  cases: [
    UNTOUCHED,
    ...ABSENCE_CASES,
    ...VERSION_CASES,
    ...SIGNED_HERE,
    ...[...CONTENT_CASES, ...EXTRA_CASES, ...KEY_CASES].filter((_, i) => i % 12 === 0),
  ],
  build: (needs) => Scene.build(new CephPlace(bucket, needs)),
  seenBefore: SEEN_BEFORE,
  plays: ["seen before"],
  concurrent: true,
});

// On the server nobody can weaken these locks any more. So the objects were written with them, by a writer that was lied to.
describe.each(LESSER_LOCKS)("$what", ({ code, lock }) => {
  const written = [
    [TARGETS[0], /manifests\/0{15}3\./],
    [TARGETS[2], /segments\/.*\/0{15}9\./],
  ] as const;
  for (const [target, which] of written) {
    if (target === undefined) continue;
    const { what, key, index } = target;
    const tampered: TamperCase = {
      name: `on ${what}`,
      tamper: async () => undefined,
      expected: (scene) => [at(code, index, key(scene))],
      verdict: "unsound",
      reads: "all",
    };
    sweepMatrix({
      where: "Ceph",
      powers: CephPlace.POWERS,
      cases: [tampered],
      build: () =>
        Scene.build(new CephPlace(bucket, []), { through: (store) => lockedLess(store, (put) => which.test(put), lock) }),
      seenBefore: {},
      plays: ["nothing remembered"],
      concurrent: true,
    });
  }
});
