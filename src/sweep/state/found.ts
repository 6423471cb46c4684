import type { Finding } from "../../archive/finding.ts";

/** A finding as a round hands it in. */
export interface Found extends Finding {
  /** Entry indexes that it affects, end exclusive, where they are known. */
  readonly entries?: { readonly first: number; readonly end: number } | null | undefined;
}
