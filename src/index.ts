// Stele's public API. Everything a program needs to write, read, prove and verify archives; all else is internal.

export { type ErrorCode, isSteleError, SteleError } from "./core/error.ts";
export { parseTimestamp, type Timestamp, timestamp } from "./core/time.ts";
export { formatPeriod, type LockMode, parsePeriod, type Period, type Retention, retainUntil } from "./core/retention.ts";
export {
  formatKeyFile,
  parseKeyFile,
  parseVerifierKey,
  renameVerifierKey,
  type Signer,
  signerFromSeed,
  type VerifierKey,
} from "./core/key.ts";
export { type Note, parseNote, verifyNote } from "./core/note.ts";
export { type Checkpoint, encodeCheckpoint, openCheckpoint, parseCheckpoint, type SignedCheckpoint } from "./core/checkpoint.ts";
export { type Append, type Manifest, parseManifest, type SegmentReference } from "./core/manifest.ts";
export { type Commit, openCommit } from "./core/commit.ts";
export { type Description, parseDescription, verifyDescription } from "./core/description.ts";
export { verifyConsistency } from "./core/consistency.ts";
export { type Cosignature, type CosignerKey, parseCosignerKey } from "./core/cosignature.ts";
export { verifyInclusion } from "./core/inclusion.ts";
export { logOrigin, parseLogName, parseOrigin } from "./core/layout.ts";
export { formatSteleProof, parseSteleProof, type ProvenEntry, type SteleProof, verifySteleProof } from "./core/stele-proof.ts";

export type {
  CallOptions,
  GetOptions,
  ListOptions,
  LockState,
  ObjectHead,
  ObjectVersion,
  PutOptions,
  PutResult,
  Store,
  StoreCapabilities,
  StoredObject,
  VersionOptions,
} from "./store/port.ts";
export type { ConformanceCheck, ConformanceReport } from "./store/conformance.ts";
export { createDirectoryStore, openDirectoryStore } from "./store/directory/directory.ts";
export { openS3Store, type S3StoreOptions } from "./store/s3/open.ts";
export { MemoryStore } from "./store/memory/memory.ts";

export { anchorLog, type LogAnchoring } from "./archive/anchor/anchor-log.ts";
export {
  type Anchoring,
  type AnchorKind,
  type AnchorLogOptions,
  type AnchorPolicy,
  type CopyStore,
  NO_POLICY,
  policyOf,
} from "./archive/anchor/anchoring.ts";
export { parseCertificates, type TrustedCertificate } from "./archive/anchor/certificates.ts";
export { type AnchorsSeen, checkAnchors, type CheckAnchorsOptions, type SeenAnchor } from "./archive/anchor/check.ts";
export { type Archive, type ArchiveOptions, createArchive } from "./archive/archive.ts";
export { type ArchiveResult, archiveSources, type ArchiveSourcesOptions } from "./archive/archive-sources.ts";
export { type Finding, type FindingCode, type Severity, type Verdict, verdict } from "./archive/finding.ts";
export { fileSource, type Source, streamSource } from "./archive/input/source.ts";
export type { SegmentLimits, SourceReport } from "./archive/input/segmenter.ts";
export { keysOfLog } from "./archive/key-ring.ts";
export { readEntries, type ReadOptions, type VerifiedEntries } from "./archive/log-reader.ts";
export { LogWriter, type UploadedSegment, type WriterOptions } from "./archive/log-writer.ts";
export type { Appender } from "./archive/log/appender.ts";
export type { AppenderStatus } from "./archive/log/appender-options.ts";
export type { BackoffOptions } from "./archive/log/backoff.ts";
export type { Event } from "./archive/log/events.ts";
export { type CloseOptions, Log, type VerifiedEntry } from "./archive/log/log.ts";
export type { AckLevel, LogObserver } from "./archive/log/observer.ts";
export type { LogOptions } from "./archive/log/log-options.ts";
export { OpenArchive, openArchive, type OpenArchiveOptions } from "./archive/log/open-archive.ts";
export type { AppendOptions, Receipt } from "./archive/log/receipt.ts";
export type { NewAppend } from "./archive/provenance.ts";
export { proveEntry } from "./archive/prove.ts";
export type { EntryBound, EntryRange } from "./archive/range.ts";
export { sealSegment, type SealedSegment } from "./archive/segment/seal.ts";
export { type LogReport, verifyArchive, type VerifyOptions, type VerifyReport } from "./archive/verify/verify.ts";
export { VERSION } from "./archive/version.ts";

export type { Alarm, AlarmKind, Anomaly, KnownFinding, MatchedEvent } from "./sweep/alarm.ts";
export { acknowledge, type Acknowledging } from "./sweep/acknowledge.ts";
export type { LockPolicy } from "./sweep/config.ts";
export type { Cost } from "./sweep/cost.ts";
export { mergeSweeps } from "./sweep/merge.ts";
export type { EntryObserver, MetManifest, Observation } from "./sweep/observer.ts";
export { openForSweep } from "./sweep/open-for-sweep.ts";
export type { RoundName } from "./sweep/place.ts";
export { record, type RecordOptions } from "./sweep/record.ts";
export { restore, type RestoreOptions } from "./sweep/restore.ts";
export type { RoundLogResult, RoundResult, Standing, SweepResult, SweptFinding, SweptLog } from "./sweep/result.ts";
export type { RoundProgress } from "./sweep/rounds/context.ts";
export { parseShard, type Shard } from "./sweep/shard.ts";
export { SweepState, type SweepStateOptions } from "./sweep/state/state.ts";
export { sweep, type SweepOptions } from "./sweep/sweep.ts";
export { parseSweepJson, sweepAsJson, type SweepJson } from "./sweep/sweep-json.ts";
