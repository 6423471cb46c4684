/**
 * What a store does when it is attacked, found out on a probe object (`stele doctor`) and kept as evidence.
 * `pass`: as the archive needs it. `quirk`: not as AWS S3 does it, and Stele works around it. `fail`: the archive's promise
 * does not hold on this store. `unknown`: could not be tried; never counted as a pass.
 */
export interface ConformanceCheck {
  /** Stable id, such as `version.delete`. */
  readonly id: string;
  readonly title: string;
  readonly expected: string;
  readonly observed: string;
  readonly verdict: "pass" | "quirk" | "fail" | "unknown";
  /** What it means for an archive, when the verdict is not `pass`. */
  readonly consequence?: string;
}

export interface ConformanceReport {
  readonly store: string;
  readonly startedAt: string;
  /** Keys of the probe objects that stay behind until their short locks end. */
  readonly leftBehind: readonly string[];
  readonly checks: readonly ConformanceCheck[];
}
