/** The S3 operations that the store's adapter makes, by S3's names. */
export type S3Operation =
  | "AbortMultipartUpload"
  | "CompleteMultipartUpload"
  | "CreateMultipartUpload"
  | "DeleteObject"
  | "GetObject"
  | "GetObjectLegalHold"
  | "GetObjectLockConfiguration"
  | "GetObjectRetention"
  | "HeadBucket"
  | "HeadObject"
  | "ListObjectVersions"
  | "PutObject"
  | "PutObjectLegalHold"
  | "PutObjectRetention"
  | "UploadPart"
  | "other";

const BY_QUERY: readonly (readonly [method: string, parameter: string, operation: S3Operation])[] = [
  ["GET", "versions", "ListObjectVersions"],
  ["GET", "object-lock", "GetObjectLockConfiguration"],
  ["GET", "retention", "GetObjectRetention"],
  ["GET", "legal-hold", "GetObjectLegalHold"],
  ["PUT", "retention", "PutObjectRetention"],
  ["PUT", "legal-hold", "PutObjectLegalHold"],
  ["PUT", "partNumber", "UploadPart"],
  ["POST", "uploads", "CreateMultipartUpload"],
  ["POST", "uploadId", "CompleteMultipartUpload"],
  ["DELETE", "uploadId", "AbortMultipartUpload"],
];

const OF_OBJECTS: Readonly<Record<string, S3Operation>> = {
  DELETE: "DeleteObject",
  GET: "GetObject",
  HEAD: "HeadObject",
  PUT: "PutObject",
};

/** What a path-style request (`/bucket/key?query`) asks for, and of which key. */
export function s3Operation(method: string, target: string): { readonly operation: S3Operation; readonly key: string } {
  const { pathname, searchParams } = new URL(target, "http://proxy");
  const key = decodeURIComponent(pathname.split("/").slice(2).join("/"));
  const named = BY_QUERY.find(([of, parameter]) => of === method && searchParams.has(parameter));
  if (named !== undefined) return { operation: named[2], key };
  if (key === "") return { operation: method === "HEAD" ? "HeadBucket" : "other", key };
  return { operation: OF_OBJECTS[method] ?? "other", key };
}
