import { beforeAll, describe } from "vitest";
import { faultAt, withFaults } from "../../../src/store/fault.ts";
import type { Store } from "../../../src/store/port.ts";
import { newBucket, type TestBucket } from "../../store/ceph-bucket.ts";
import { ABSENCE_CASES } from "./absence-cases.ts";
import { at, flipped, type TamperCase } from "./case.ts";
import { CephPlace } from "./ceph-place.ts";
import { CONTENT_CASES } from "./content-cases.ts";
import { EXTRA_CASES } from "./extra-cases.ts";
import { KEY_CASES } from "./key-cases.ts";
import { LESSER_LOCKS } from "./lock-cases.ts";
import { lockedLess } from "./locked-less.ts";
import { tamperMatrix, UNTOUCHED } from "./matrix.ts";
import { Scene } from "./scene.ts";
import { SIGNED_CASES } from "./signed-cases.ts";
import { TARGETS, VERSION_CASES } from "./version-cases.ts";

// Where a signed manifest lies does not change what is wrong with it, but for one that lies over another.
const SIGNED_HERE = SIGNED_CASES.filter(({ needs = [] }) => needs.includes("overwrite"));

let bucket: TestBucket;
beforeAll(async () => {
  bucket = await newBucket();
});

tamperMatrix({
  where: "Ceph",
  powers: CephPlace.POWERS,
  cases: [UNTOUCHED, ...CONTENT_CASES, ...ABSENCE_CASES, ...EXTRA_CASES, ...KEY_CASES, ...SIGNED_HERE, ...VERSION_CASES],
  build: (needs) => Scene.build(new CephPlace(bucket, needs)),
  concurrent: true,
});

// On the server nobody can weaken these locks any more. So the objects were written with them, by a writer that was lied to.
describe.each(LESSER_LOCKS)("$what", ({ code, lock }) => {
  const tampered = TARGETS.map(({ what, key, index }): TamperCase => ({
    name: `on ${what}`,
    tamper: async () => undefined,
    expected: (scene) => [at(code, index, key(scene))],
    verdict: "unsound",
    reads: "all",
  }));
  for (const [i, one] of tampered.entries()) {
    const which =
      [/manifests\/0{15}3\./, /manifests\/0{15}8\./, /segments\/.*\/0{15}9\./, /log\.json$/, /archive\.json$/][i] ?? /never/;
    tamperMatrix({
      where: "Ceph",
      powers: CephPlace.POWERS,
      cases: [one],
      build: () =>
        Scene.build(new CephPlace(bucket, []), { through: (store) => lockedLess(store, (key) => which.test(key), lock) }),
      concurrent: true,
    });
  }
});

tamperMatrix({
  where: "Ceph",
  powers: CephPlace.POWERS,
  cases: [
    {
      name: "a segment of which a byte changed on the way to the server",
      tamper: async () => undefined,
      expected: (scene) => [at("segment.altered", 3, scene.segment(3))],
      verdict: "unsound",
      reads: { before: 3 },
    },
  ],
  build: () => Scene.build(new CephPlace(bucket, []), { through: alteringTheFourthSegment }),
});

function alteringTheFourthSegment(store: Store): Store {
  return withFaults(
    store,
    faultAt("putIfAbsent", 3, { kind: "altered", body: flipped(20) }, (key) => key.includes("/segments/")),
  );
}
