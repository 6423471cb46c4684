import { type ServiceInputTypes, S3Client, type S3ClientConfig, type UploadPartCommandInput } from "@aws-sdk/client-s3";
import { SteleError } from "../../core/error.ts";
import { md5Base64 } from "./checksum.ts";

/**
 * When a connection is given up; the call then fails with `store.unreachable`. There is no limit to a whole request: a
 * large object on a slow line may take as long as its bytes keep coming.
 */
export interface S3Timeouts {
  /** Until the connection stands, name lookup and the wait for a free one of the 50 included. Milliseconds; default 5,000. */
  readonly connectMs?: number | undefined;
  /** Without a byte in either direction. Milliseconds; default 60,000: a store may think long before it answers. */
  readonly idleMs?: number | undefined;
}

/** How a bucket is reached. What is left out is found as every AWS tool finds it: environment, profile, instance role. */
export interface S3Connection {
  readonly bucket: string;
  /** Where under the bucket, without a slash at either end; empty for the whole bucket. */
  readonly prefix?: string | undefined;
  /** `https://host/bucket/key` rather than `https://bucket.host/key`. */
  readonly pathStyle?: boolean | undefined;
  /** Default: `AWS_ENDPOINT_URL` or the profile's, else AWS itself. */
  readonly endpoint?: string | undefined;
  /** Default: the environment's or the profile's, else `us-east-1`. */
  readonly region?: string | undefined;
  readonly timeouts?: S3Timeouts | undefined;
  /** Anything else that the SDK's client takes, such as `credentials`. A `requestHandler` brings its own timeouts. */
  readonly client?: S3ClientConfig | undefined;
}

/**
 * Two clients of one endpoint. Under Object Lock a request that makes a version can't be undone: if it is sent again
 * because its answer was lost, the second version stays for years. So what creates an object goes through `once`, and
 * only what may safely be repeated goes through `retrying`.
 */
export interface S3Clients {
  readonly once: S3Client;
  readonly retrying: S3Client;
}

/** @throws SteleError `input.invalid` */
export function s3Clients(connection: S3Connection): S3Clients {
  const shared: S3ClientConfig = {
    // The SDK's own default is to wait for an answer without end.
    requestHandler: {
      connectionTimeout: timeout("connectMs", connection.timeouts?.connectMs ?? 5_000),
      socketTimeout: timeout("idleMs", connection.timeouts?.idleMs ?? 60_000),
    },
    ...connection.client,
    region: connection.region ?? connection.client?.region ?? configuredRegion,
    // The SDK's own CRC32 trailers break stores that don't know them; every PUT here states its checksum itself.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    ...(connection.pathStyle === undefined ? {} : { forcePathStyle: connection.pathStyle }),
    ...(connection.endpoint === undefined ? {} : { endpoint: connection.endpoint }),
  };
  const retrying = new S3Client(shared);
  statePartMd5(retrying);
  return { once: new S3Client({ ...shared, maxAttempts: 1 }), retrying };
}

/** A longer one of Node's timers fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The SDK takes 0 for no limit. */
function timeout(name: keyof S3Timeouts, millis: number): number {
  if (Number.isInteger(millis) && millis >= 1 && millis <= MAX_TIMER_MS) return millis;
  throw new SteleError("input.invalid", `timeouts.${name}: expected whole milliseconds from 1 to ${MAX_TIMER_MS}, got ${millis}`);
}

/**
 * States the Content-MD5 of every part that has no other checksum. Under Object Lock each part needs one, and the SDK's
 * uploader gives all parts the same parameters.
 */
function statePartMd5(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const { input } = args;
      if (!isPart(input) || !(input.Body instanceof Uint8Array)) return next(args);
      if (input.ChecksumAlgorithm !== undefined || input.ContentMD5 !== undefined) return next(args);
      return next({ ...args, input: { ...input, ContentMD5: md5Base64(input.Body) } });
    },
    { step: "initialize", name: "partContentMd5" },
  );
}

function isPart(input: ServiceInputTypes): input is UploadPartCommandInput {
  return "PartNumber" in input && "UploadId" in input && "Body" in input;
}

/** S3 tools fall back on us-east-1, and a store of one's own seldom cares; the SDK alone would refuse. */
async function configuredRegion(): Promise<string> {
  const probe = new S3Client({});
  try {
    return await probe.config.region();
  } catch (error) {
    if (error instanceof Error && /region is missing/i.test(error.message)) return "us-east-1";
    throw error;
  } finally {
    probe.destroy();
  }
}

export function sendOptions(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}
