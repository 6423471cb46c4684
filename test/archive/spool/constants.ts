import type { SegmentLimits } from "../../../src/archive/input/segmenter.ts";

export const ORIGIN = "logs.example/billing";
export const LIMITS: SegmentLimits = { bytes: 1_048_576, entries: 1000, entryBytes: 65_536, ageMillis: 60_000 };
