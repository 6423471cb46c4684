import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectRetentionCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { md5Base64, sha256Base64 } from "../checksum.ts";
import { type Finding, type Probe, type ProbeVersion, type Question, answerOf, attack, probeBody } from "./probe.ts";
import { s3Failure, saysNoLock } from "../errors.ts";

/** What the store does with the conditions, checksums and locks that come with a new object. */
export const WRITE_QUESTIONS: readonly Question[] = [
  {
    id: "put.without-checksum",
    title: "PUT with a lock but without a checksum",
    expected: "refused, as AWS does: HTTP 400",
    ask: async (probe) => {
      const command = new PutObjectCommand({
        ...probe.key("no-checksum"),
        Body: probeBody("no-checksum"),
        ...probe.lock(probe.until()),
      });
      const refusal = await attack(() => probe.clients.once.send(command, probe.options));
      return judgeChecksum(refusal, "Only Stele's own checksums protect an upload; it always sends one.");
    },
  },
  {
    id: "put.wrong-md5",
    title: "PUT whose Content-MD5 is wrong",
    expected: "refused: HTTP 400 BadDigest",
    ask: (probe) =>
      wrongChecksum(
        probe,
        "wrong-md5",
        { ContentMD5: md5Base64(probeBody("something else")) },
        "Bytes that change on the way are kept, and locked; Stele finds out by reading back what the ETag does not prove.",
      ),
  },
  {
    id: "put.wrong-sha256",
    title: "PUT whose x-amz-checksum-sha256 is wrong",
    expected: "refused: HTTP 400 BadDigest",
    ask: (probe) =>
      wrongChecksum(
        probe,
        "wrong-sha256",
        { ContentMD5: md5Base64(probeBody("wrong-sha256")), ChecksumSHA256: sha256Base64(probeBody("something else")) },
        "The store ignores the header; Stele uses Content-MD5, and reads back what the ETag does not prove.",
      ),
  },
  {
    id: "put.if-none-match",
    title: "If-None-Match: * on a PUT over an existing key",
    expected: "refused: HTTP 412",
    ask: async (probe) => {
      await probe.putLocked("if-none-match");
      const again = () => probe.put("if-none-match", { IfNoneMatch: "*", ...probe.lock(probe.until()) });
      return conditionFinding(await attack(again));
    },
  },
  {
    id: "multipart.if-none-match",
    title: "If-None-Match: * on CompleteMultipartUpload over an existing key",
    expected: "refused: HTTP 412",
    ask: async (probe) => {
      await probe.putLocked("multipart-if-none-match");
      return conditionFinding(await attack(() => uploadInParts(probe, "multipart-if-none-match", true)));
    },
  },
  {
    id: "multipart.retention",
    title: "Explicit lock on a multipart upload",
    expected: "kept to the second",
    ask: async (probe) => {
      const until = probe.until();
      const version = await uploadInParts(probe, "multipart-retention", false, until);
      let kept: string;
      try {
        const { Retention } = await probe.client.send(new GetObjectRetentionCommand(version), probe.options);
        if (Retention?.Mode === "COMPLIANCE" && Retention.RetainUntilDate?.getTime() === until.getTime()) {
          return { verdict: "pass", observed: "kept" };
        }
        kept = `${Retention?.Mode ?? "no mode"} until ${Retention?.RetainUntilDate?.toISOString() ?? "no time"}`;
      } catch (error) {
        const failure = s3Failure(error);
        if (failure === null || !saysNoLock(failure)) throw error;
        kept = "no lock";
      }
      return {
        verdict: "quirk",
        observed: `lost: asked for COMPLIANCE until ${until.toISOString()}, found ${kept}`,
        consequence:
          "Objects uploaded in parts get no lock or the bucket's default; Stele reads each lock back and sets it again before the commit.",
      };
    },
  },
];

/** Only 400 speaks of the checksum; a 403 would be the caller's missing right to write. */
function judgeChecksum(refusal: Awaited<ReturnType<typeof attack>>, consequence: string): Finding {
  if (refusal === null) return { verdict: "quirk", observed: "accepted", consequence };
  const observed = `refused: ${answerOf(refusal)}`;
  return refusal.status === 400
    ? { verdict: "pass", observed }
    : { verdict: "unknown", observed: `${observed}, for another reason` };
}

async function wrongChecksum(probe: Probe, name: string, checksums: object, consequence: string): Promise<Finding> {
  const refusal = await attack(() => probe.put(name, { ...probe.lock(probe.until()), ...checksums }));
  return judgeChecksum(refusal, consequence);
}

function conditionFinding(refusal: Awaited<ReturnType<typeof attack>>): Finding {
  if (refusal?.status === 412) return { verdict: "pass", observed: "refused: HTTP 412" };
  if (refusal !== null && refusal.status !== 400 && refusal.status !== 501) {
    return { verdict: "unknown", observed: `refused for another reason: ${answerOf(refusal)}` };
  }
  const unsupported = refusal !== null;
  return {
    verdict: unsupported ? "fail" : "quirk",
    observed: unsupported
      ? `the header itself is refused: ${answerOf(refusal)}`
      : "ignored: the second object became a newer version",
    consequence: unsupported
      ? "Stele always sends the header, so it can't write to this store."
      : "The store does not keep two writers of one log apart; Stele lists the key's versions after each commit and stops when it was not first.",
  };
}

/** One small part: S3's least part size does not hold for the last one. */
async function uploadInParts(
  probe: Probe,
  name: string,
  onlyIfAbsent: boolean,
  until: Date = probe.until(),
): Promise<ProbeVersion> {
  const target = probe.key(name);
  const { UploadId } = await probe.client.send(
    new CreateMultipartUploadCommand({ ...target, ...probe.lock(until) }),
    probe.options,
  );
  const upload = { ...target, UploadId };
  try {
    const Body = probeBody(name);
    const part = new UploadPartCommand({ ...upload, PartNumber: 1, Body, ContentMD5: md5Base64(Body) });
    const { ETag } = await probe.client.send(part, probe.options);
    const complete = new CompleteMultipartUploadCommand({
      ...upload,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
      ...(onlyIfAbsent ? { IfNoneMatch: "*" } : {}),
    });
    const { VersionId } = await probe.clients.once.send(complete, probe.options);
    if (VersionId === undefined) throw new Error("the store gave the uploaded object no version id");
    return { ...target, VersionId };
  } catch (error) {
    await attack(() => probe.client.send(new AbortMultipartUploadCommand(upload)));
    throw error;
  }
}
