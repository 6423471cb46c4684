import { weighted } from "./weighted.ts";
import type { World } from "./world.ts";

interface Rule {
  readonly weight: number;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly level: "Metadata" | "Request" | "RequestResponse";
  readonly by: "node" | "controller" | "person";
  readonly body?: (world: World, name: string, namespace: string) => string;
}

const RULES: readonly Rule[] = [
  { weight: 40, verb: "get", group: "", resource: "pods", level: "Metadata", by: "node" },
  { weight: 30, verb: "update", group: "coordination.k8s.io", resource: "leases", level: "Metadata", by: "node" },
  { weight: 20, verb: "list", group: "", resource: "configmaps", level: "Metadata", by: "controller" },
  { weight: 14, verb: "get", group: "", resource: "secrets", level: "Metadata", by: "controller" },
  { weight: 6, verb: "list", group: "", resource: "secrets", level: "Metadata", by: "person" },
  { weight: 16, verb: "watch", group: "apps", resource: "replicasets", level: "Metadata", by: "controller" },
  { weight: 12, verb: "patch", group: "", resource: "pods", subresource: "status", level: "Request", by: "node", body: status },
  { weight: 5, verb: "create", group: "", resource: "pods", subresource: "exec", level: "Request", by: "person" },
  { weight: 8, verb: "create", group: "authentication.k8s.io", resource: "tokenreviews", level: "Metadata", by: "controller" },
  {
    weight: 6,
    verb: "create",
    group: "",
    resource: "pods",
    level: "RequestResponse",
    by: "controller",
    body: (w, n, ns) => pod(w, "Pod", n, ns),
  },
  {
    weight: 4,
    verb: "update",
    group: "apps",
    resource: "deployments",
    level: "RequestResponse",
    by: "person",
    body: (w, n, ns) => pod(w, "Deployment", n, ns),
  },
  { weight: 2, verb: "delete", group: "", resource: "namespaces", level: "Request", by: "person" },
  {
    weight: 3,
    verb: "create",
    group: "rbac.authorization.k8s.io",
    resource: "rolebindings",
    level: "Request",
    by: "person",
    body: binding,
  },
];

/** Requests to a Kubernetes API server in the shape of `audit.k8s.io/v1`: 0.8 to 10 KB each, by the audit level. */
export function kubernetesEvents(world: World): () => string {
  const nextRule = weighted(
    world.random,
    RULES.map((rule) => [rule.weight, rule] as const),
  );
  return () => {
    const { random } = world;
    const rule = nextRule();
    const namespace = random.favour(world.namespaces);
    const name = `${random.favour(world.workloads)}-${random.hex8()}`;
    const time = world.clock.micros();
    const version = rule.group === "" ? "/api/v1" : `/apis/${rule.group}/v1`;
    const uri = `${version}/namespaces/${namespace}/${rule.resource}/${name}${rule.subresource === undefined ? "" : `/${rule.subresource}`}`;
    const body = rule.level === "Metadata" ? undefined : rule.body?.(world, name, namespace);
    const denied = rule.by === "person" && random.chance(0.05);
    return (
      `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"${rule.level}","auditID":"${random.uuid()}","stage":"ResponseComplete","requestURI":"${uri}","verb":"${rule.verb}",` +
      `"user":${subject(world, rule.by, namespace)},"objectRef":{"resource":"${rule.resource}","namespace":"${namespace}","name":"${name}","apiGroup":"${rule.group}","apiVersion":"v1"` +
      `${rule.subresource === undefined ? "" : `,"subresource":"${rule.subresource}"`}},"responseStatus":{"metadata":{},"code":${denied ? 403 : rule.verb === "create" ? 201 : 200}},` +
      `${body === undefined ? "" : `"requestObject":${body},`}${body === undefined || rule.level === "Request" || denied ? "" : `"responseObject":${body},`}` +
      `"requestReceivedTimestamp":"${time}","stageTimestamp":"${time}","annotations":{"authorization.k8s.io/decision":"${denied ? "forbid" : "allow"}",` +
      `"authorization.k8s.io/reason":"RBAC: ${denied ? "no rule" : `allowed by ClusterRoleBinding \\"${namespace}\\" of ClusterRole \\"${rule.by}\\"`}"}}`
    );
  };
}

function subject(world: World, by: Rule["by"], namespace: string): string {
  const { random } = world;
  if (by === "node") {
    const node = random.favour(world.nodes);
    return `{"username":"system:node:${node}","groups":["system:nodes","system:authenticated"]},"sourceIPs":["${random.favour(world.addresses)}"],"userAgent":"kubelet/v1.31.2 (linux/amd64) kubernetes/5864a46"`;
  }
  if (by === "controller") {
    const account = random.favour(world.workloads);
    return (
      `{"username":"system:serviceaccount:${namespace}:${account}","uid":"${random.uuid()}","groups":["system:serviceaccounts","system:serviceaccounts:${namespace}","system:authenticated"],` +
      `"extra":{"authentication.kubernetes.io/pod-name":["${account}-${random.hex8()}"]}},"sourceIPs":["${random.favour(world.addresses)}"],"userAgent":"${account}/v0.0.0 (linux/arm64) kubernetes/$Format"`
    );
  }
  const person = random.favour(world.people);
  return `{"username":"oidc:${person.mail}","groups":["oidc:${person.department}","system:authenticated"]},"sourceIPs":["${person.address}"],"userAgent":"kubectl/v1.31.1 (darwin/arm64) kubernetes/948afe5"`;
}

function status(world: World, name: string): string {
  const time = world.clock.seconds();
  return (
    `{"status":{"conditions":[{"lastTransitionTime":"${time}","status":"True","type":"Ready"},{"lastTransitionTime":"${time}","status":"True","type":"ContainersReady"}],` +
    `"containerStatuses":[{"name":"${name}","ready":true,"restartCount":${world.random.below(4)},"containerID":"containerd://${world.random.hex8()}${world.random.hex8()}${world.random.hex8()}${world.random.hex8()}","state":{"running":{"startedAt":"${time}"}}}]}}`
  );
}

function binding(world: World, name: string, namespace: string): string {
  return (
    `{"kind":"RoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"${name}","namespace":"${namespace}"},` +
    `"subjects":[{"kind":"User","name":"oidc:${world.random.pick(world.people).mail}"}],"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"${world.random.pick(["view", "edit", "admin"])}"}}`
  );
}

function pod(world: World, kind: string, name: string, namespace: string): string {
  const { random } = world;
  const containers = Array.from({ length: random.between(1, 3) }, () => {
    const app = random.pick(world.workloads);
    const env = Array.from(
      { length: random.between(3, 14) },
      (_, i) => `{"name":"SETTING_${i}","value":"${random.pick(world.namespaces)}"}`,
    );
    return (
      `{"name":"${app}","image":"registry.corp.example.org/${app}@sha256:${random.hex8()}${random.hex8()}${random.hex8()}${random.hex8()}","env":[${env.join(",")}],` +
      `"resources":{"limits":{"cpu":"${random.between(1, 8)}","memory":"${random.between(1, 16)}Gi"},"requests":{"cpu":"250m","memory":"512Mi"}},` +
      `"livenessProbe":{"httpGet":{"path":"/healthz","port":8080},"periodSeconds":10},"securityContext":{"readOnlyRootFilesystem":true,"runAsNonRoot":true,"capabilities":{"drop":["ALL"]}}}`
    );
  });
  return (
    `{"kind":"${kind}","apiVersion":"v1","metadata":{"name":"${name}","namespace":"${namespace}","labels":{"app.kubernetes.io/name":"${name}","app.kubernetes.io/managed-by":"Helm"},"uid":"${random.uuid()}","resourceVersion":"${random.digits(8)}"},` +
    `"spec":{"serviceAccountName":"${name}","nodeName":"${random.pick(world.nodes)}","containers":[${containers.join(",")}],"tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}]}}`
  );
}
