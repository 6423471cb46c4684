import { EventClock } from "./clock.ts";
import { Random } from "./random.ts";

/** Someone who acts: as the application, as Kubernetes and as the cloud's account see them. */
export interface Person {
  readonly login: string;
  readonly name: string;
  readonly mail: string;
  readonly department: string;
  readonly address: string;
}

/** A fictitious company whose people and machines act for as long as events are asked for. */
export interface World {
  readonly random: Random;
  readonly clock: EventClock;
  readonly accounts: readonly string[];
  readonly people: readonly Person[];
  readonly roles: readonly string[];
  readonly buckets: readonly string[];
  readonly keys: readonly string[];
  readonly namespaces: readonly string[];
  readonly workloads: readonly string[];
  readonly nodes: readonly string[];
  readonly addresses: readonly string[];
}

export const REGIONS = ["eu-central-1", "eu-west-1", "us-east-1", "us-west-2", "ap-southeast-2"] as const;

const FIRST =
  "Amina Bram Carla Dmitri Elif Farid Greta Hugo Inés Jonas Kaja Lars Maud Noor Oskar Petra Quim René Sanne Tomás Uma Viktor Wim Zoë";
const LAST =
  "Abbink Brandão Cuypers Demir Eriksen Fournier Grünwald Haddad Ivanova Jansen Kowalski Lindqvist Marchetti Novák Okafor Park Rossi Sørensen";
const DEPARTMENTS = ["claims", "finance", "legal", "operations", "platform", "risk", "support", "treasury"];
const SERVICES =
  "billing catalog checkout claims customers documents gateway identity ledger mailer orders payments pricing reports search settlement";
const STAGES = ["prod", "prod-eu", "staging", "acceptance"];

/** The same seed makes the same company, and makes it do the same things. */
export function createWorld(seed: string, startMs: number, rate: number): World {
  const random = new Random(seed);
  const many = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
  const services = SERVICES.split(" ");
  const addresses = many(1200, (i) =>
    i % 3 === 0
      ? `${random.pick([31, 62, 77, 84, 92, 145, 178, 194, 212])}.${random.below(256)}.${random.below(256)}.${random.between(1, 254)}`
      : `10.${random.below(64)}.${random.below(256)}.${random.between(1, 254)}`,
  );
  const accounts = many(12, () => random.digits(12));
  return {
    random,
    clock: new EventClock(startMs, rate),
    accounts,
    people: many(300, (i) => person(random, i, random.pick(addresses))),
    roles: many(
      60,
      () => `${random.pick(services)}-${random.pick(["deployer", "reader", "writer", "worker", "auditor", "backup"])}`,
    ),
    buckets: many(
      80,
      () => `${random.pick(services)}-${random.pick(["data", "exports", "attachments", "archive"])}-${random.hex8()}`,
    ),
    keys: many(60, () => `arn:aws:kms:${random.pick(REGIONS)}:${random.pick(accounts)}:key/${random.uuid()}`),
    namespaces: services.flatMap((service) => STAGES.map((stage) => `${service}-${stage}`)),
    workloads: services.flatMap((service) => ["api", "worker", "cron", "web"].map((part) => `${service}-${part}`)),
    nodes: many(
      90,
      () => `ip-10-${random.below(64)}-${random.below(256)}-${random.between(1, 254)}.${random.pick(REGIONS)}.compute.internal`,
    ),
    addresses,
  };
}

function person(random: Random, index: number, address: string): Person {
  const first = random.pick(FIRST.split(" "));
  const last = random.pick(LAST.split(" "));
  const plain = (text: string): string =>
    text
      .normalize("NFD")
      .replaceAll(/[^a-zA-Z]/g, "")
      .toLowerCase();
  const login = `${plain(first).slice(0, 1)}${plain(last)}${index}`;
  return {
    login,
    name: `${first} ${last}`,
    mail: `${plain(first)}.${plain(last)}${index}@corp.example.org`,
    department: random.pick(DEPARTMENTS),
    address,
  };
}
