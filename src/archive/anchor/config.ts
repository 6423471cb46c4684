import { z } from "zod";
import { parseCosignerKey } from "../../core/cosignature.ts";
import { isSteleError } from "../../core/error.ts";
import { type LockMode, parsePeriod } from "../../core/retention.ts";
import { requireUrl } from "./http.ts";

/** The section `anchors` of a configuration file. */
export interface AnchorsConfig {
  /** How often a head is anchored by who watches: at every new head, or a span such as `1h`. */
  readonly every?: string | undefined;
  /** How long a manifest may stand without its anchors before a sweep says so: a span such as `2h`. */
  readonly maxAge?: string | undefined;
  /** Addresses, CIDRs and host names that may be private, and may be reached over `http:`. */
  readonly allowPrivate?: readonly string[] | undefined;
  readonly witnesses?: readonly { readonly url: string; readonly key: string }[] | undefined;
  /** How many of the witnesses must cosign. Default: all. */
  readonly quorum?: number | undefined;
  /** `ca`: a file of CA certificates in PEM, relative to the configuration's folder. */
  readonly timestamps?: readonly { readonly url: string; readonly ca?: string | undefined }[] | undefined;
  readonly copies?: readonly (string | CopyConfig)[] | undefined;
}

export interface CopyConfig {
  readonly store: string;
  readonly retention?: string | undefined;
  readonly mode?: LockMode | undefined;
}

/** A span as it stands in a configuration; whoever uses it reads it. */
const span = z.string().regex(/^[1-9]\d{0,8}(?:s|m|h|d)$/, "expected a span such as 30s, 5m, 1h or 30d");
const location = z.string().min(1);

export const anchorsConfigSchema: z.ZodType<AnchorsConfig> = z
  .strictObject({
    every: z.union([z.literal("head"), span], { error: "expected head, or a span such as 1h" }).optional(),
    maxAge: span.optional(),
    allowPrivate: z.array(z.string().min(1)).optional(),
    witnesses: z
      .array(z.strictObject({ url: z.string(), key: z.string() }))
      .min(1)
      .optional(),
    quorum: z.int().min(1).optional(),
    timestamps: z
      .array(z.strictObject({ url: z.string(), ca: z.string().min(1).optional() }))
      .min(1)
      .optional(),
    copies: z
      .array(
        z.union([
          location,
          z.strictObject({
            store: location,
            retention: z.string().optional(),
            mode: z.enum(["COMPLIANCE", "GOVERNANCE"]).optional(),
          }),
        ]),
      )
      .min(1)
      .optional(),
  })
  .superRefine((config, context) => {
    const check = (path: (string | number)[], read: () => unknown): void => {
      try {
        read();
      } catch (error) {
        if (!isSteleError(error)) throw error;
        context.addIssue({ code: "custom", path, message: error.message });
      }
    };
    const { witnesses = [], timestamps = [], copies = [], quorum } = config;
    const allowPrivate = (config.allowPrivate ?? []).length > 0;
    for (const [i, { url, key }] of witnesses.entries()) {
      check(["witnesses", i, "url"], () => requireUrl(url, allowPrivate));
      check(["witnesses", i, "key"], () => parseCosignerKey(key));
    }
    for (const [i, { url }] of timestamps.entries()) check(["timestamps", i, "url"], () => requireUrl(url, allowPrivate));
    // A token is not asked whose it is before it is checked: one of an authority without a CA would be held against the others'.
    if (timestamps.some(({ ca }) => ca !== undefined) && timestamps.some(({ ca }) => ca === undefined))
      context.addIssue({ code: "custom", path: ["timestamps"], message: "expected a ca for each of them, or for none" });
    for (const [i, copy] of copies.entries()) {
      if (typeof copy === "string") continue;
      const { retention, mode } = copy;
      if (retention !== undefined) check(["copies", i, "retention"], () => parsePeriod(retention));
      if (mode !== undefined && retention === undefined)
        context.addIssue({ code: "custom", path: ["copies", i, "mode"], message: "expected a retention with it" });
    }
    if (quorum !== undefined && quorum > witnesses.length)
      context.addIssue({
        code: "custom",
        path: ["quorum"],
        message: `expected at most ${witnesses.length}, the number of witnesses`,
      });
    if (new Set(witnesses.map(({ key }) => key)).size < witnesses.length)
      context.addIssue({ code: "custom", path: ["witnesses"], message: "expected each witness once: a key counts once" });
  });
