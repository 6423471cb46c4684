import type { CosignerKey } from "../../core/cosignature.ts";
import type { Period, LockMode } from "../../core/retention.ts";
import type { Store } from "../../store/port.ts";
import type { TrustedCertificate } from "./certificates.ts";
import type { Fetch } from "./http.ts";
import type { Authority } from "./timestamp-request.ts";
import type { Witness } from "./witness.ts";

/** What ties a checkpoint to someone outside: witnesses' cosignatures, an authority's time-stamp, a copy in another store. */
export type AnchorKind = "witness" | "timestamp" | "copy";

/** A second store, in other hands, that keeps copies of checkpoints. */
export interface CopyStore {
  readonly store: Store;
  /** The lock to put on copies there; null leaves it to that store's default. */
  readonly retention: { readonly mode: LockMode; readonly period: Period } | null;
}

/** Who is asked to anchor a log's head. */
export interface Anchoring {
  readonly witnesses: readonly Witness[];
  /** How many witnesses must cosign. */
  readonly quorum: number;
  readonly authorities: readonly Authority[];
  readonly copies: readonly CopyStore[];
  /** Whether plain `http:` will do. Default false. */
  readonly allowPrivate?: boolean;
}

/** What anchoring does things with. */
export interface AnchorLogOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Sends requests to witnesses and authorities. Default: the platform's. */
  readonly fetch?: Fetch | undefined;
  /** Gives so many random bytes. Default: the system's. */
  readonly random?: ((size: number) => Uint8Array) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What anchors are held against. */
export interface AnchorPolicy {
  /** Keys of witnesses that are believed. None: cosignatures can't be checked, and that is said. */
  readonly witnesses: readonly CosignerKey[];
  readonly quorum: number;
  /** CA certificates that tokens must lead to. None: tokens are checked by themselves, and that is said. */
  readonly authorities: readonly TrustedCertificate[];
  /** Where copies of checkpoints are read back from. */
  readonly copies: readonly Store[];
  /** Kinds that must be there. */
  readonly required: readonly AnchorKind[];
  /** How long a manifest may stand without the required anchors, in milliseconds; null: for ever. */
  readonly maxAgeMillis: number | null;
}

/** What is there is checked, nothing is demanded, and nobody is pinned. */
export const NO_POLICY: AnchorPolicy = {
  witnesses: [],
  quorum: 0,
  authorities: [],
  copies: [],
  required: [],
  maxAgeMillis: null,
};

/** The policy that goes with how a log is anchored: all of it must be there, in time. */
export function policyOf(anchoring: Anchoring, maxAgeMillis: number | null): AnchorPolicy {
  const { witnesses, quorum, authorities, copies } = anchoring;
  return {
    witnesses: witnesses.map(({ key }) => key),
    quorum,
    authorities: authorities.flatMap(({ trusted }) => trusted),
    copies: copies.map(({ store }) => store),
    required: [
      ...(witnesses.length > 0 ? (["witness"] as const) : []),
      ...(authorities.length > 0 ? (["timestamp"] as const) : []),
      ...(copies.length > 0 ? (["copy"] as const) : []),
    ],
    maxAgeMillis,
  };
}
