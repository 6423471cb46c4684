import { REGIONS, type World } from "./world.ts";

/** A caller of the cloud's API: the parts of an event that stay the same from call to call. */
export interface Principal {
  readonly account: string;
  readonly region: string;
  readonly identity: string;
  readonly address: string;
  readonly agent: string;
}

const LINUX = ["5.10.226-214.880.amzn2.x86_64", "6.1.112-124.190.amzn2023.x86_64", "6.8.0-1018-aws"];

/** 500 callers: people with long-lived keys, federated people, workloads with a role's session, and services. */
export function createPrincipals(world: World): Principal[] {
  return Array.from({ length: 500 }, (_, i) => {
    const account = world.random.favour(world.accounts);
    const kind = i % 10;
    const person = world.random.pick(world.people);
    const fromOutside = kind < 4;
    return {
      account,
      region: world.random.favour(REGIONS),
      identity:
        kind === 0
          ? user(world, account, person.login)
          : kind === 9
            ? service(world)
            : session(world, account, fromOutside ? person.mail : null),
      address: kind === 9 ? "delivery.logs.amazonaws.com" : fromOutside ? person.address : world.random.pick(world.addresses),
      agent: kind === 9 ? "delivery.logs.amazonaws.com" : agent(world, fromOutside),
    };
  });
}

function user(world: World, account: string, login: string): string {
  const { random } = world;
  return (
    `{"type":"IAMUser","principalId":"AIDA${random.base32(8)}","arn":"arn:aws:iam::${account}:user/${login}",` +
    `"accountId":"${account}","accessKeyId":"AKIA${random.base32(8)}","userName":"${login}"}`
  );
}

function session(world: World, account: string, mail: string | null): string {
  const { random } = world;
  const role =
    mail === null
      ? random.pick(world.roles)
      : `AWSReservedSSO_${random.pick(["Operator", "ReadOnly", "Billing"])}_${random.hex8()}`;
  const principal = `AROA${random.base32(8)}`;
  const name = mail ?? `i-${random.hex17()}`;
  const path = mail === null ? "" : "aws-reserved/sso.amazonaws.com/";
  return (
    `{"type":"AssumedRole","principalId":"${principal}:${name}","arn":"arn:aws:sts::${account}:assumed-role/${role}/${name}",` +
    `"accountId":"${account}","accessKeyId":"ASIA${random.base32(8)}","sessionContext":{"sessionIssuer":{"type":"Role",` +
    `"principalId":"${principal}","arn":"arn:aws:iam::${account}:role/${path}${role}","accountId":"${account}","userName":"${role}"},` +
    `"attributes":{"creationDate":"${world.clock.seconds()}","mfaAuthenticated":"${mail !== null}"}` +
    `${mail === null ? ',"ec2RoleDelivery":"2.0"' : ""}}}`
  );
}

function service(world: World): string {
  const name = world.random.pick(["delivery.logs", "config", "autoscaling", "elasticloadbalancing", "backup"]);
  return `{"type":"AWSService","invokedBy":"${name}.amazonaws.com"}`;
}

function agent(world: World, interactive: boolean): string {
  const { random } = world;
  const linux = random.pick(LINUX);
  if (interactive) {
    return random.pick([
      `aws-cli/2.${random.between(9, 22)}.${random.below(30)} md/awscrt#0.23.4 ua/2.0 os/linux#${linux} md/arch#x86_64 lang/python#3.12.6 md/pyimpl#CPython cfg/retry-mode#standard`,
      "AWS Internal",
      `APN/1.0 HashiCorp/1.0 Terraform/1.${random.between(5, 10)}.${random.below(6)} terraform-provider-aws/5.${random.between(60, 80)}.0 aws-sdk-go-v2/1.32.3 os/linux lang/go#1.23.2`,
    ]);
  }
  return random.pick([
    `Boto3/1.35.${random.below(70)} md/Botocore#1.35.${random.below(70)} ua/2.0 os/linux#${linux} lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#legacy`,
    `aws-sdk-java/2.28.${random.below(30)} Linux/${linux} OpenJDK_64-Bit_Server_VM/21.0.5+11-LTS Java/21.0.5 vendor/Amazon.com_Inc. io/sync http/Apache`,
    `aws-sdk-go-v2/1.32.${random.below(9)} os/linux lang/go#1.23.3 md/GOOS#linux md/GOARCH#arm64 api/generic#1.0.0`,
  ]);
}
