import { GetBucketVersioningCommand, GetObjectLockConfigurationCommand, HeadBucketCommand } from "@aws-sdk/client-s3";
import { describePeriod } from "../../../core/retention.ts";
import { s3Failure, saysNoLock } from "../errors.ts";
import { readDefaultRetention } from "../provision.ts";
import type { Question } from "./probe.ts";

/** S3 itself refuses requests beyond 15 minutes. A lock's end is reckoned by this machine's clock and kept by the store's. */
const MAX_SKEW_SECONDS = 60;

/** What the bucket and its server say of themselves. */
export const BUCKET_QUESTIONS: readonly Question[] = [
  {
    id: "clock.skew",
    title: "The store's clock against this machine's",
    expected: `at most ${MAX_SKEW_SECONDS} s apart`,
    ask: async (probe) => {
      const client = probe.clients.once;
      let date: string | undefined;
      const command = new HeadBucketCommand({ Bucket: probe.bucket });
      command.middlewareStack.add(
        (next) => async (args) => {
          const result = await next(args);
          date = headerOf(result.response, "date");
          return result;
        },
        { step: "deserialize", priority: "low" },
      );
      const before = probe.now();
      await client.send(command, probe.options);
      const middle = (before + probe.now()) / 2;
      const theirs = date === undefined ? Number.NaN : Date.parse(date);
      if (Number.isNaN(theirs))
        return { verdict: "unknown", observed: `the answer has no readable Date header (${date ?? "none"})` };
      // The header cuts off fractions of a second.
      const seconds = Math.round((theirs + 500 - middle) / 1000);
      if (Math.abs(seconds) <= MAX_SKEW_SECONDS) return { verdict: "pass", observed: `${seconds} s` };
      return {
        verdict: "fail",
        observed: `the store's clock is ${Math.abs(seconds)} s ${seconds > 0 ? "ahead" : "behind"}`,
        consequence: "Locks end earlier or later than promised, and short ones may be refused. Correct the clock.",
      };
    },
  },
  {
    id: "bucket.object-lock",
    title: "Object Lock of the bucket",
    expected: "enabled",
    ask: async (probe) => {
      const consequence = "Nothing in this bucket can be locked. Create one with Object Lock enabled.";
      try {
        const answer = await probe.client.send(new GetObjectLockConfigurationCommand({ Bucket: probe.bucket }), probe.options);
        const state = answer.ObjectLockConfiguration?.ObjectLockEnabled;
        return state === "Enabled"
          ? { verdict: "pass", observed: "enabled" }
          : { verdict: "fail", observed: state ?? "off", consequence };
      } catch (error) {
        const failure = s3Failure(error);
        if (failure === null || !saysNoLock(failure)) throw error;
        return { verdict: "fail", observed: "off", consequence };
      }
    },
  },
  {
    id: "bucket.versioning",
    title: "Versioning of the bucket",
    expected: "enabled",
    ask: async (probe) => {
      const { Status } = await probe.client.send(new GetBucketVersioningCommand({ Bucket: probe.bucket }), probe.options);
      if (Status === "Enabled") return { verdict: "pass", observed: "enabled" };
      return {
        verdict: "fail",
        observed: Status ?? "off",
        consequence: "An overwrite destroys what was there. Enable versioning.",
      };
    },
  },
  {
    id: "bucket.default-retention",
    title: "Default retention of the bucket",
    expected: "any: Stele gives every object a lock of its own",
    ask: async (probe) => {
      const found = await readDefaultRetention(probe.client, probe.bucket, probe.signal);
      return { verdict: "pass", observed: found === null ? "none" : `${found.mode}, ${describePeriod(found.period)}` };
    },
  },
];

function headerOf(response: unknown, name: string): string | undefined {
  if (typeof response !== "object" || response === null || !("headers" in response)) return undefined;
  const { headers } = response;
  const value: unknown = typeof headers === "object" && headers !== null ? Reflect.get(headers, name) : undefined;
  return typeof value === "string" ? value : undefined;
}
