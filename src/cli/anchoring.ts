import { resolve } from "node:path";
import { type Anchoring, type AnchorPolicy, type CopyStore, policyOf } from "../archive/anchor/anchoring.ts";
import { parseCertificates, type TrustedCertificate } from "../archive/anchor/certificates.ts";
import type { AnchorsConfig } from "../archive/anchor/config.ts";
import type { Fetch } from "../archive/anchor/http.ts";
import { parseCosignerKey } from "../core/cosignature.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import { parsePeriod } from "../core/retention.ts";
import { parseStoreLocation } from "../store/open.ts";
import type { Store } from "../store/port.ts";
import { parseDuration } from "../sweep/duration.ts";
import { AbsentStore } from "./absent-store.ts";
import { readTextFile } from "./files.ts";
import { guardedFetch } from "./guarded-fetch.ts";
import { openStoreWith, type Settings } from "./settings.ts";

/** The section `anchors` of a configuration, with what it names opened and read. */
export interface ConfiguredAnchoring {
  readonly anchoring: Anchoring;
  /** What a verifier or a sweep holds a log's anchors against. */
  readonly policy: AnchorPolicy;
  readonly fetch: Fetch;
  /** How often who watches anchors: at every new head, or after so many milliseconds; null: not by itself. */
  readonly every: "head" | number | null;
}

const MAX_PEM_BYTES = 1 << 20;
/** How long a manifest may stand without anchors where nobody says: a few tries of who watches. */
const DEFAULT_AGE_MS = 3_600_000;

/** @throws SteleError `input.*` for what can't be read. A second store that is away is opened as one that answers nothing. */
export async function readAnchoring(config: AnchorsConfig, settings: Settings): Promise<ConfiguredAnchoring> {
  const { witnesses = [], timestamps = [], copies = [], quorum, allowPrivate = [] } = config;
  const anchoring: Anchoring = {
    witnesses: witnesses.map(({ url, key }) => ({ url, key: parseCosignerKey(key) })),
    quorum: quorum ?? witnesses.length,
    authorities: await Promise.all(
      timestamps.map(async ({ url, ca }) => ({
        url,
        trusted: ca === undefined ? [] : await readCertificates(resolve(settings.folder, ca)),
      })),
    ),
    copies: await Promise.all(copies.map((copy) => openCopy(copy, settings))),
    allowPrivate: allowPrivate.length > 0,
  };
  const every = config.every === undefined || config.every === "head" ? (config.every ?? null) : parseDuration(config.every);
  return { anchoring, policy: policyOf(anchoring, maxAgeOf(config, every)), fetch: guardedFetch(allowPrivate), every };
}

/** CA certificates in PEM. @throws SteleError `input.*` */
export async function readCertificates(path: string): Promise<TrustedCertificate[]> {
  return parseCertificates(await readTextFile(path, MAX_PEM_BYTES), path);
}

function maxAgeOf({ maxAge }: AnchorsConfig, every: "head" | number | null): number {
  if (maxAge !== undefined) return parseDuration(maxAge);
  return typeof every === "number" ? Math.max(DEFAULT_AGE_MS, 2 * every) : DEFAULT_AGE_MS;
}

async function openCopy(copy: NonNullable<AnchorsConfig["copies"]>[number], settings: Settings): Promise<CopyStore> {
  const { store: location, retention, mode = "COMPLIANCE" } = typeof copy === "string" ? { store: copy } : copy;
  const place = parseStoreLocation(location);
  // A folder in a configuration lies beside it, as all its paths do.
  const where = place.kind === "directory" ? resolve(settings.folder, place.path) : location;
  const store = await openSecondStore(where, settings).catch((error: unknown) => {
    // That one of several stores is away keeps nobody from looking at the others.
    if (!isSteleError(error, "store.not-found", "store.unreachable", "store.denied")) throw error;
    return new AbsentStore(where, new SteleError("store.unreachable", error.message, { cause: error }));
  });
  return { store, retention: retention === undefined ? null : { mode, period: parsePeriod(retention) } };
}

/** A second store. It is never made, and whoever misses it is not told to make an archive there: it must hold none. */
export async function openSecondStore(location: string, settings: Settings): Promise<Store> {
  try {
    return await openStoreWith(location, settings);
  } catch (error) {
    if (!isSteleError(error, "store.not-found")) throw error;
    throw new SteleError(
      "store.not-found",
      `the second store ${location} is not there; check the path and that its disk is mounted. A new one has to be made first, empty, outside the archive`,
      { cause: error },
    );
  }
}
