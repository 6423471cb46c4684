import { z } from "zod";

/**
 * What Stele sends of OCSF 1.6.0, written down from the schema's own pages (class detection_finding, objects finding_info,
 * evidences, metadata, product, resource_details, observable, analytic), and not from the code: required fields are required,
 * enumerations are those of the schema, and a field that the class does not have is refused.
 */
const time = z
  .int()
  .min(Date.UTC(2000, 0, 1))
  .max(Date.UTC(2100, 0, 1));
const name = z.string().min(1);

const analytic = z
  .strictObject({ uid: name, name, type_id: z.literal([0, 1, 2, 3, 4, 99]), type: name })
  // The caption of `type_id`, unless that is 99.
  .refine(
    ({ type_id, type }) =>
      type_id === 99 || type === ["Unknown", "Rule", "Behavioral", "Statistical", "Learning (ML/DL)"][type_id],
  );

const product = z.strictObject({ name, vendor_name: name, version: z.string().regex(/^\d+\.\d+\.\d+/) });
const metadata = z.strictObject({
  version: z.literal("1.6.0"),
  uid: name,
  event_code: name,
  product,
  log_name: name.optional(),
  is_truncated: z.literal(true).optional(),
});

const findingInfo = z.strictObject({
  uid: name,
  title: z.string(),
  desc: z.string(),
  types: z.array(name).min(1),
  created_time: time,
  first_seen_time: time.optional(),
  last_seen_time: time.optional(),
  analytic,
});

const resource = z.strictObject({ uid: name, name, type: name, version: name.optional() });
/** At least one of a list of attributes has to be there: of those, `data` is what Stele gives. */
const evidence = z.strictObject({ name, uid: name.optional(), data: z.looseObject({}) });
const observable = z.strictObject({ name, type_id: z.literal([10, 99]), type: name, value: z.string() });

const ACTIVITIES = { 1: "Create", 2: "Update", 3: "Close" } as const;
const STATUSES = { 1: "New", 2: "In Progress", 3: "Suppressed", 4: "Resolved" } as const;
const SEVERITIES = { 1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical", 6: "Fatal" } as const;

const detectionFinding = z
  .strictObject({
    class_uid: z.literal(2004),
    class_name: z.literal("Detection Finding"),
    category_uid: z.literal(2),
    category_name: z.literal("Findings"),
    activity_id: z.literal([1, 2, 3]),
    activity_name: name,
    type_uid: z.int(),
    type_name: name,
    severity_id: z.literal([1, 2, 3, 4, 5, 6]),
    severity: name,
    status_id: z.literal([1, 2, 3, 4]),
    status: name,
    is_alert: z.boolean(),
    time,
    message: z.string(),
    metadata,
    finding_info: findingInfo,
    resources: z.array(resource).min(1),
    evidences: z.array(evidence).min(1).optional(),
    observables: z.array(observable).min(1).optional(),
    unmapped: z.looseObject({}),
  })
  .refine((value) => value.type_uid === value.class_uid * 100 + value.activity_id, "type_uid")
  .refine((value) => value.activity_name === ACTIVITIES[value.activity_id], "activity_name")
  .refine((value) => value.type_name === `Detection Finding: ${ACTIVITIES[value.activity_id]}`, "type_name")
  .refine((value) => value.status === STATUSES[value.status_id], "status")
  .refine((value) => value.severity === SEVERITIES[value.severity_id], "severity");

/** CloudEvents 1.0, JSON format: the required attributes, and those optional ones that Stele gives. */
const cloudEventSchema = z.strictObject({
  specversion: z.literal("1.0"),
  id: z.string().regex(/^[0-9a-f]{32}$/),
  source: z.string().refine((text) => URL.canParse(text), "a URI"),
  type: z.string().regex(/^stele\.[a-z]+(\.[a-z]+)?$/),
  subject: z.string().min(1),
  time: z.iso.datetime(),
  datacontenttype: z.literal("application/json"),
  dataschema: z.literal("https://schema.ocsf.io/1.6.0/classes/detection_finding"),
  data: detectionFinding,
});

/** What tests look at of an envelope that was found to be one. */
export interface ParsedEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly data: {
    readonly activity_id: number;
    readonly status_id: number;
    readonly severity_id: number;
    readonly is_alert: boolean;
    readonly time: number;
    readonly metadata: unknown;
    readonly resources: unknown;
    readonly unmapped: unknown;
    readonly finding_info: { readonly uid: string; readonly types: readonly string[]; readonly analytic: unknown };
    readonly evidences?: readonly { readonly name: string; readonly data: unknown }[] | undefined;
  };
}

/** Reads a CloudEvents envelope with a Detection Finding in it, or throws at the first thing that is not as the standards have it. */
export function parseCloudEvent(body: string): ParsedEvent {
  return cloudEventSchema.parse(JSON.parse(body));
}
