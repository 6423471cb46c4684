import type { FindingCode, Verdict } from "../../../src/archive/finding.ts";
import type { SignedCheckpoint } from "../../../src/core/checkpoint.ts";
import type { Store } from "../../../src/store/port.ts";
import type { Power } from "./place.ts";
import type { Scene } from "./scene.ts";

/** A finding that must come out, by what scripts go by. */
export interface ExpectedFinding {
  readonly code: FindingCode;
  readonly index: number | null;
  /** Key in the store. */
  readonly object: string | null;
}

/** What someone does to an archive, and what must be said of it then. */
export interface TamperCase {
  readonly name: string;
  /** Without these the case can't be played at a place. */
  readonly needs?: readonly Power[];
  readonly tamper: (scene: Scene) => Promise<void>;
  /** Everything that is found, but for the codes of `allowed`. */
  readonly expected: (scene: Scene) => readonly ExpectedFinding[];
  /** Codes that may come on top: what follows from the deed elsewhere in the log. */
  readonly allowed?: readonly FindingCode[];
  readonly verdict: Verdict;
  /**
   * What a reader of the whole log gets: `all` that was put in; or a refusal, after `before` the entries of a manifest;
   * `beginning`: an error at some point, and up to there what was put in.
   */
  readonly reads: "all" | "beginning" | { readonly before: number };
  /** What verifier and reader remember. */
  readonly remembers?: (scene: Scene) => readonly SignedCheckpoint[];
  /** How the verifier and the reader see the store. */
  readonly view?: (scene: Scene) => Store;
  /** In `notObservable`, some line must say this. */
  readonly says?: RegExp;
}

export function at(code: FindingCode, index: number | null, object: string | null): ExpectedFinding {
  return { code, index, object };
}

/** The bytes with one of them changed. */
export function flipped(offset: number): (body: Uint8Array) => Uint8Array {
  return (body) => body.with(offset < 0 ? body.length + offset : offset, (body.at(offset) ?? 0) ^ 1);
}

/** The bytes with the first occurrence of a text changed to another. */
export function edited(from: string, to: string): (body: Uint8Array) => Uint8Array {
  return (body) => {
    const text = Buffer.from(body).toString("latin1");
    if (!text.includes(from)) throw new Error(`nothing to change: there is no ${from} in ${text}`);
    return Buffer.from(text.replace(from, to), "latin1");
  };
}

export function appended(...bytes: readonly number[]): (body: Uint8Array) => Uint8Array {
  return (body) => Buffer.concat([body, Uint8Array.from(bytes)]);
}
