import type { Principal } from "./cloud-principals.ts";
import type { World } from "./world.ts";

/** One action of a cloud service and how its parameters look. Every text is a JSON value. */
export interface Call {
  readonly weight: number;
  readonly service: string;
  readonly name: string;
  readonly readOnly: boolean;
  readonly category: "Management" | "Data";
  readonly request: (world: World, caller: Principal) => string;
  readonly response?: (world: World, caller: Principal) => string;
  /** The resource that the call touched: its type and ARN. */
  readonly resource?: (world: World, caller: Principal) => readonly [type: string, arn: string];
}

const call = (
  weight: number,
  service: string,
  name: string,
  request: Call["request"],
  rest: Partial<Pick<Call, "response" | "resource" | "category">> = {},
): Call => ({
  weight,
  service,
  name,
  readOnly: /^(Get|List|Describe|Head|Decrypt|Assume|Query)/.test(name),
  category: "Management",
  request,
  ...rest,
});

const object = (world: World): string =>
  `${world.random.pick(world.workloads)}/${world.clock.seconds().slice(0, 10)}/${world.random.hex8()}.${world.random.pick(["json", "parquet", "pdf", "gz"])}`;
const host = (bucket: string, caller: Principal): string =>
  `"bucketName":"${bucket}","Host":"${bucket}.s3.${caller.region}.amazonaws.com"`;
const data = { category: "Data" } as const;
const keyed: Pick<Call, "resource"> = { resource: (world) => ["AWS::KMS::Key", world.random.favour(world.keys)] };
const inBucket: Pick<Call, "resource"> = {
  resource: (world) => ["AWS::S3::Bucket", `arn:aws:s3:::${world.random.favour(world.buckets)}`],
};

/** The statements of an access policy, as text inside a JSON string (a policy travels as an escaped document). */
function policy(world: World, statements: number): string {
  const parts = Array.from({ length: statements }, (_, i) => {
    const bucket = world.random.pick(world.buckets);
    return (
      `{\\"Sid\\":\\"Allow${i}\\",\\"Effect\\":\\"${world.random.chance(0.8) ? "Allow" : "Deny"}\\",\\"Action\\":[\\"s3:GetObject\\",\\"s3:PutObject\\",\\"s3:ListBucket\\"],` +
      `\\"Resource\\":[\\"arn:aws:s3:::${bucket}\\",\\"arn:aws:s3:::${bucket}/*\\"],\\"Condition\\":{\\"StringEquals\\":{\\"aws:PrincipalTag/team\\":\\"${world.random.pick(world.workloads)}\\"}}}`
    );
  });
  return `"{\\"Version\\":\\"2012-10-17\\",\\"Statement\\":[${parts.join(",")}]}"`;
}

function instances(world: World, count: number): string {
  const items = Array.from(
    { length: count },
    () =>
      `{"instanceId":"i-${world.random.hex17()}","imageId":"ami-${world.random.hex17()}","currentState":{"code":0,"name":"pending"},"previousState":{"code":80,"name":"stopped"},` +
      `"privateIpAddress":"${world.random.pick(world.addresses)}","instanceType":"${world.random.pick(["m7g.large", "c7i.xlarge", "r6g.2xlarge"])}","subnetId":"subnet-${world.random.hex17()}"}`,
  );
  return `{"instancesSet":{"items":[${items.join(",")}]}}`;
}

export const CALLS: readonly Call[] = [
  call(90, "s3", "GetObject", (w, c) => `{${host(w.random.favour(w.buckets), c)},"key":"${object(w)}"}`, {
    ...data,
    ...inBucket,
  }),
  call(
    60,
    "s3",
    "PutObject",
    (w, c) => `{${host(w.random.favour(w.buckets), c)},"key":"${object(w)}","x-amz-server-side-encryption":"aws:kms"}`,
    {
      ...data,
      ...inBucket,
      response: (w) =>
        `{"x-amz-version-id":"${w.random.base64(16)}","x-amz-server-side-encryption":"aws:kms","ETag":"${w.random.hex8()}${w.random.hex8()}"}`,
    },
  ),
  call(12, "s3", "DeleteObject", (w, c) => `{${host(w.random.favour(w.buckets), c)},"key":"${object(w)}"}`, {
    ...data,
    ...inBucket,
  }),
  call(
    14,
    "s3",
    "ListObjects",
    (w, c) =>
      `{${host(w.random.favour(w.buckets), c)},"list-type":"2","prefix":"${w.random.pick(w.workloads)}/","max-keys":"1000"}`,
    inBucket,
  ),
  call(8, "s3", "GetBucketAcl", (w, c) => `{${host(w.random.favour(w.buckets), c)},"acl":""}`, inBucket),
  call(
    3,
    "s3",
    "PutBucketPolicy",
    (w, c) => `{${host(w.random.favour(w.buckets), c)},"bucketPolicy":${policy(w, w.random.between(2, 12))}}`,
    inBucket,
  ),
  call(
    2,
    "s3",
    "PutObjectRetention",
    (w, c) => `{${host(w.random.favour(w.buckets), c)},"key":"${object(w)}","retention":""}`,
    inBucket,
  ),
  call(
    70,
    "kms",
    "Decrypt",
    (w) =>
      `{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::${w.random.favour(w.buckets)}"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}`,
    keyed,
  ),
  call(
    35,
    "kms",
    "GenerateDataKey",
    (w) =>
      `{"keyId":"${w.random.favour(w.keys)}","keySpec":"AES_256","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::${w.random.favour(w.buckets)}"}}`,
    keyed,
  ),
  call(2, "kms", "ScheduleKeyDeletion", (w) => `{"keyId":"${w.random.pick(w.keys)}","pendingWindowInDays":30}`, keyed),
  call(
    55,
    "sts",
    "AssumeRole",
    (w, c) =>
      `{"roleArn":"arn:aws:iam::${c.account}:role/${w.random.favour(w.roles)}","roleSessionName":"${w.random.favour(w.workloads)}-${w.random.hex8()}","durationSeconds":3600}`,
    {
      response: (w, c) => {
        const id = `AROA${w.random.base32(8)}`;
        return `{"credentials":{"accessKeyId":"ASIA${w.random.base32(8)}","expiration":"${w.clock.seconds()}","sessionToken":"${w.random.base64(24)}"},"assumedRoleUser":{"assumedRoleId":"${id}:session","arn":"arn:aws:sts::${c.account}:assumed-role/${w.random.favour(w.roles)}/session"}}`;
      },
    },
  ),
  call(12, "sts", "GetCallerIdentity", () => "null"),
  call(
    30,
    "dynamodb",
    "Query",
    (w, c) =>
      `{"tableName":"${w.random.favour(w.workloads)}","keyConditionExpression":"pk = :pk AND sk BETWEEN :from AND :to","scanIndexForward":false,"limit":${w.random.between(1, 100)},"region":"${c.region}"}`,
    data,
  ),
  call(
    22,
    "dynamodb",
    "PutItem",
    (w) =>
      `{"tableName":"${w.random.favour(w.workloads)}","key":{"pk":"tenant#${w.random.below(5000)}","sk":"${w.clock.millis()}"},"items":["pk","sk"]}`,
    data,
  ),
  call(
    40,
    "ec2",
    "DescribeInstances",
    (w) =>
      `{"instancesSet":{},"filterSet":{"items":[{"name":"tag:service","valueSet":{"items":[{"value":"${w.random.favour(w.workloads)}"}]}}]}}`,
  ),
  call(
    10,
    "ec2",
    "DescribeSecurityGroups",
    (w) => `{"securityGroupSet":{},"securityGroupIdSet":{"items":[{"groupId":"sg-${w.random.hex17()}"}]},"filterSet":{}}`,
  ),
  call(
    6,
    "ec2",
    "AuthorizeSecurityGroupIngress",
    (w) =>
      `{"groupId":"sg-${w.random.hex17()}","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":443,"toPort":443,"ipRanges":{"items":[{"cidrIp":"${w.random.pick(w.addresses)}/32","description":"${w.random.pick(w.workloads)}"}]}}]}}`,
    {
      response: () => '{"_return":true}',
    },
  ),
  call(7, "ec2", "StartInstances", (w) => `{"instancesSet":{"items":[{"instanceId":"i-${w.random.hex17()}"}]}}`, {
    response: (w) => instances(w, w.random.between(1, 3)),
  }),
  call(
    3,
    "ec2",
    "RunInstances",
    (w) => `{"instancesSet":{"items":[{"imageId":"ami-${w.random.hex17()}","minCount":1,"maxCount":20}]}}`,
    { response: (w) => instances(w, w.random.between(4, 20)) },
  ),
  call(
    18,
    "secretsmanager",
    "GetSecretValue",
    (w, c) =>
      `{"secretId":"arn:aws:secretsmanager:${c.region}:${c.account}:secret:${w.random.favour(w.workloads)}/database-${w.random.base32(3)}"}`,
  ),
  call(
    4,
    "secretsmanager",
    "PutSecretValue",
    (w) => `{"clientRequestToken":"${w.random.uuid()}","secretId":"${w.random.favour(w.workloads)}/database"}`,
  ),
  call(
    16,
    "ssm",
    "GetParameter",
    (w) =>
      `{"name":"/${w.random.favour(w.namespaces)}/${w.random.pick(["db/url", "feature/flags", "smtp/host", "tls/ca"])}","withDecryption":true}`,
  ),
  call(
    20,
    "lambda",
    "Invoke",
    (w, c) =>
      `{"functionName":"arn:aws:lambda:${c.region}:${c.account}:function:${w.random.favour(w.workloads)}","invocationType":"RequestResponse"}`,
    {
      ...data,
      resource: (w, c) => [
        "AWS::Lambda::Function",
        `arn:aws:lambda:${c.region}:${c.account}:function:${w.random.favour(w.workloads)}`,
      ],
    },
  ),
  call(
    3,
    "lambda",
    "UpdateFunctionCode20150331v2",
    (w) => `{"functionName":"${w.random.favour(w.workloads)}","publish":true,"dryRun":false}`,
    {
      response: (w) =>
        `{"codeSha256":"${w.random.base64(21)}A=","codeSize":${w.random.digits(7)},"runtime":"nodejs22.x","memorySize":512,"timeout":30,"revisionId":"${w.random.uuid()}","state":"Active"}`,
    },
  ),
  call(
    14,
    "logs",
    "CreateLogStream",
    (w) =>
      `{"logGroupName":"/aws/lambda/${w.random.favour(w.workloads)}","logStreamName":"[$LATEST]${w.random.hex8()}${w.random.hex8()}"}`,
  ),
  call(8, "iam", "ListAttachedRolePolicies", (w) => `{"roleName":"${w.random.favour(w.roles)}"}`),
  call(
    4,
    "iam",
    "AttachRolePolicy",
    (w, c) =>
      `{"roleName":"${w.random.pick(w.roles)}","policyArn":"arn:aws:iam::${c.account}:policy/${w.random.pick(w.workloads)}"}`,
  ),
  call(
    3,
    "iam",
    "CreatePolicyVersion",
    (w, c) =>
      `{"policyArn":"arn:aws:iam::${c.account}:policy/${w.random.pick(w.workloads)}","setAsDefault":true,"policyDocument":${policy(w, w.random.between(3, 18))}}`,
  ),
  call(3, "iam", "CreateAccessKey", (w) => `{"userName":"${w.random.pick(w.people).login}"}`, {
    response: (w) =>
      `{"accessKey":{"userName":"${w.random.pick(w.people).login}","status":"Active","accessKeyId":"AKIA${w.random.base32(8)}","createDate":"${w.clock.seconds()}"}}`,
  }),
  call(
    2,
    "cloudtrail",
    "StopLogging",
    (w, c) => `{"name":"arn:aws:cloudtrail:${c.region}:${c.account}:trail/${w.random.pick(w.workloads)}"}`,
  ),
  call(9, "rds", "DescribeDBInstances", (w) => `{"dBInstanceIdentifier":"${w.random.favour(w.namespaces)}"}`),
  call(
    2,
    "rds",
    "CreateDBSnapshot",
    (w) => `{"dBSnapshotIdentifier":"manual-${w.random.hex8()}","dBInstanceIdentifier":"${w.random.favour(w.namespaces)}"}`,
  ),
  call(10, "signin", "ConsoleLogin", () => "null", {
    response: (w) => `{"ConsoleLogin":"${w.random.chance(0.95) ? "Success" : "Failure"}"}`,
  }),
];
