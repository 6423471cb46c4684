import { weighted } from "./weighted.ts";
import type { World } from "./world.ts";

type Detail = (world: World) => string;

const REASONS = [
  "customer asked by telephone, ticket attached",
  "quarterly review of access, approved by the head of department",
  "correction of an entry that was booked twice",
  "request of the supervisory authority under the framework agreement",
];

const reviewed: Detail = (w) => `"reason":"${w.random.pick(REASONS)}","ticket":"OPS-${w.random.digits(5)}"`;
const money: Detail = (w) =>
  `"amount":"${w.random.below(90_000)}.${w.random.between(10, 99)}","currency":"${w.random.pick(["EUR", "USD", "CHF"])}","iban":"NL${w.random.digits(16)}"`;

/** Before and after of each changed field: the part of application audit events that grows. */
const changes: Detail = (w) => {
  const fields = Array.from(
    { length: w.random.between(1, 12) },
    () =>
      `{"field":"${w.random.pick(["address.street", "address.city", "phone", "limits.daily", "limits.monthly", "contact.mail", "status"])}",` +
      `"before":"${w.random.pick(w.workloads)} ${w.random.below(1000)}","after":"${w.random.pick(w.workloads)} ${w.random.below(1000)}"}`,
  );
  return `"changes":[${fields.join(",")}],${reviewed(w)}`;
};

const ACTIONS: ReadonlyArray<readonly [weight: number, action: readonly [name: string, detail: Detail]]> = [
  [
    30,
    ["session.login", (w) => `"method":"${w.random.pick(["password+totp", "webauthn", "saml"])}","device":"${w.random.hex8()}"`],
  ],
  [12, ["session.logout", (w) => `"durationSeconds":${w.random.below(28_800)}`]],
  [6, ["session.login-failed", (w) => `"method":"password+totp","attempt":${w.random.between(1, 5)}`]],
  [40, ["document.view", (w) => `"document":"DOC-${w.random.digits(8)}","pages":${w.random.between(1, 60)}`]],
  [
    12,
    [
      "document.download",
      (w) => `"document":"DOC-${w.random.digits(8)}","bytes":${w.random.digits(6)},"sha256":"${w.random.base64(21)}="`,
    ],
  ],
  [18, ["customer.update", changes]],
  [16, ["payment.approve", money]],
  [3, ["payment.reject", (w) => `${money(w)},${reviewed(w)}`]],
  [5, ["report.export", (w) => `"rows":${w.random.below(100_000)},"format":"csv",${reviewed(w)}`]],
  [
    4,
    [
      "permission.grant",
      (w) =>
        `"to":"${w.random.pick(w.people).mail}","permission":"${w.random.pick(["ledger:write", "claims:approve", "admin"])}",${reviewed(w)}`,
    ],
  ],
  [2, ["permission.revoke", (w) => `"from":"${w.random.pick(w.people).mail}","permission":"ledger:write",${reviewed(w)}`]],
  [2, ["retention.hold", (w) => `"case":"LEGAL-${w.random.digits(4)}",${reviewed(w)}`]],
];

/** What a business application says about its users: 300 B to 2 KB each. Names are not all ASCII. */
export function applicationEvents(world: World): () => string {
  const nextAction = weighted(world.random, ACTIONS);
  return () => {
    const { random } = world;
    const [name, detail] = nextAction();
    const person = random.favour(world.people);
    return (
      `{"time":"${world.clock.millis()}","id":"${random.uuid()}","application":"${random.favour(world.namespaces)}","action":"${name}",` +
      `"outcome":"${name.endsWith("failed") ? "failure" : "success"}","actor":{"login":"${person.login}","name":"${person.name}","mail":"${person.mail}","department":"${person.department}"},` +
      `"client":{"address":"${person.address}","session":"${random.base64(11)}"},"request":{"trace":"${random.hex8()}${random.hex8()}"},"detail":{${detail(world)}}}`
    );
  };
}

/** The same, told in about 200 bytes: for measuring the cost of an event rather than of its bytes. */
export function smallEvents(world: World): () => string {
  const nextAction = weighted(world.random, ACTIONS);
  return () => {
    const { random } = world;
    const [name] = nextAction();
    const person = random.favour(world.people);
    return (
      `{"time":"${world.clock.millis()}","id":"${random.hex8()}${random.hex8()}","application":"${random.favour(world.namespaces)}","action":"${name}",` +
      `"actor":"${person.login}","address":"${person.address}","tenant":${random.below(5000)},"ok":true}`
    );
  };
}
