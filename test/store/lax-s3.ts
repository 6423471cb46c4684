import { type ScriptedAnswer, type ScriptedS3, type SeenRequest, scriptedS3, xmlError } from "./scripted-s3.ts";

interface LaxVersion {
  readonly key: string;
  readonly body: Buffer;
  marker: boolean;
  mode: string | undefined;
  until: string | undefined;
  hold: string;
}

/**
 * A store of the kind that takes every header of Object Lock, shows the locks that it was given, and enforces none of them.
 * With `denyChanges` its caller may put and read, but neither delete a version nor set a retention.
 */
export function laxS3({ denyChanges = false }: { denyChanges?: boolean } = {}): Promise<ScriptedS3> {
  const versions = new Map<string, LaxVersion>();
  const parts = new Map<string, Buffer>();
  let count = 0;
  const keep = (key: string, body: Buffer, more: Partial<LaxVersion> = {}): Record<string, string> => {
    const id = `v${++count}`;
    versions.set(id, { key, body, marker: false, mode: undefined, until: undefined, hold: "OFF", ...more });
    return { "x-amz-version-id": id };
  };
  const find = (key: string, id: string | null) => {
    const newest = [...versions].findLast(([, version]) => version.key === key);
    return id === null ? newest?.[1] : versions.get(id);
  };
  const ok = (body = "", headers: Record<string, string> = {}): ScriptedAnswer => ({ status: 200, headers, body });

  const onBucket = ({ method, body }: SeenRequest, query: URLSearchParams): ScriptedAnswer => {
    if (query.has("object-lock")) {
      return ok("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>");
    }
    if (query.has("versioning")) return ok("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
    if (query.has("delete")) {
      versions.delete(element(body, "VersionId") ?? "");
      return ok("<DeleteResult></DeleteResult>");
    }
    if (!query.has("versions")) return method === "HEAD" ? ok() : xmlError(501, "NotImplemented");
    const entries = [...versions].map(([id, { key, marker, body: bytes }]) => {
      const tag = marker ? "DeleteMarker" : "Version";
      const size = marker ? "" : `<Size>${bytes.length}</Size>`;
      const time = "<LastModified>2026-11-23T00:00:00.000Z</LastModified>";
      return `<${tag}><Key>${key}</Key><VersionId>${id}</VersionId>${time}${size}</${tag}>`;
    });
    return ok(`<ListVersionsResult><IsTruncated>false</IsTruncated>${entries.join("")}</ListVersionsResult>`);
  };

  return scriptedS3((request) => {
    const { method, headers, body } = request;
    const url = new URL(request.target, "http://lax");
    const query = url.searchParams;
    const key = url.pathname.split("/").slice(2).join("/");
    if (denyChanges && ((method === "DELETE" && query.has("versionId")) || query.has("delete")))
      return xmlError(403, "AccessDenied");
    if (denyChanges && method === "PUT" && query.has("retention")) return xmlError(403, "AccessDenied");
    if (key === "") return onBucket(request, query);
    const id = query.get("versionId");
    const version = find(key, id);
    if (query.has("uploads")) return ok("<InitiateMultipartUploadResult><UploadId>up</UploadId></InitiateMultipartUploadResult>");
    if (query.has("partNumber")) {
      parts.set(key, body);
      return ok("", { etag: '"part"' });
    }
    if (query.has("uploadId")) {
      const kept = keep(key, parts.get(key) ?? Buffer.alloc(0));
      return ok("<CompleteMultipartUploadResult></CompleteMultipartUploadResult>", kept);
    }
    if (method === "DELETE") {
      if (id === null) return { status: 204, headers: keep(key, Buffer.alloc(0), { marker: true }) };
      versions.delete(id);
      return { status: 204 };
    }
    if (method === "PUT" && !query.has("retention") && !query.has("legal-hold")) {
      const mode = headers["x-amz-object-lock-mode"];
      const until = headers["x-amz-object-lock-retain-until-date"];
      return ok("", keep(key, body, { mode: mode?.toString(), until: until?.toString() }));
    }
    if (version === undefined) return xmlError(404, "NoSuchVersion");
    if (method === "PUT") {
      version.mode = element(body, "Mode") ?? version.mode;
      version.until = element(body, "RetainUntilDate") ?? version.until;
      version.hold = element(body, "Status") ?? version.hold;
      return ok();
    }
    if (query.has("legal-hold")) return ok(`<LegalHold><Status>${version.hold}</Status></LegalHold>`);
    if (!query.has("retention")) return { status: 200, body: version.body };
    if (version.mode === undefined) return xmlError(404, "NoSuchObjectLockConfiguration");
    return ok(`<Retention><Mode>${version.mode}</Mode><RetainUntilDate>${version.until}</RetainUntilDate></Retention>`);
  });
}

function element(xml: Buffer, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml.toString())?.[1];
}
