import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { z } from "zod";
import { type Places, places } from "../places.ts";
import type { Stele } from "../stele.ts";
import { type Receiver, receiver } from "./receiver.ts";

export const SECRET: string = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const cloudEvent = z.object({ type: z.string(), data: z.object({ finding_info: z.object({ title: z.string() }) }) });
const line = z.looseObject({ event: z.string() });

export interface ReceivedAlarm {
  readonly id: string;
  readonly type: string;
  readonly title: string;
}

/** An archive with events, a configuration, someone who receives alarms, and daemons. */
export class Scene implements AsyncDisposable {
  readonly at: Places;
  readonly hooks: Receiver;
  readonly config: string;
  readonly #running: Stele[] = [];

  private constructor(at: Places, hooks: Receiver) {
    this.at = at;
    this.hooks = hooks;
    this.config = join(at.folder, "stele.yaml");
  }

  /** @param watch more lines of the section `watch` */
  static async make(watch = ""): Promise<Scene> {
    const scene = new Scene(await places(), await receiver());
    await writeFile(join(scene.at.folder, "secret"), `${SECRET}\n`, { mode: 0o600 });
    await scene.configure(watch.replaceAll("HOOKS", scene.url("")));
    await scene.at.run(["archive", scene.at.archive, "--log", "app"], { stdin: "one\ntwo\nthree\n" });
    return scene;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#running) one.kill("SIGKILL");
    await Promise.all(this.#running.map((one) => one.outcome));
    await this.hooks[Symbol.asyncDispose]();
    await this.at[Symbol.asyncDispose]();
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.hooks.port}${path}`;
  }

  async configure(watch = "", path = "/alarms"): Promise<void> {
    const text = `watch:
  head: { every: 1s }
  locks: { every: 1s }
  content: { every: 1s }
  listen: 127.0.0.1:0
${watch}
alarms:
  allowPrivate: [127.0.0.1]
  destinations:
    - { name: ops, type: webhook, url: "${this.url(path)}", secretFile: secret }
# Each content round reads everything, and not only what is due within 30 days.
sweep: { budget: 1GB }
`;
    await writeFile(this.config, text);
  }

  /** Starts the daemon, and waits until it has looked at everything once. */
  async watch(): Promise<{ stele: Stele; address: string }> {
    const stele = this.at.start(["watch", this.at.archive, "--config", this.config, "--log-format", "json"]);
    this.#running.push(stele);
    await stele.says(/"event":"round\.ended".*"round":"content"/);
    const [, address = ""] = /"event":"listening".*"address":"([^"]+)"/.exec(stele.said) ?? [];
    return { stele, address };
  }

  /** Changes one bit of a segment, as the owner of a disk can. */
  async tamper(): Promise<void> {
    const folder = join(this.at.archive, "app/segments");
    const [day = ""] = await readdir(folder);
    const [name = ""] = await readdir(join(folder, day));
    const path = join(folder, day, name);
    const bytes = await readFile(path);
    await chmod(path, 0o644);
    const last = bytes.length - 1;
    bytes.writeUInt8(bytes.readUInt8(last) ^ 1, last);
    await writeFile(path, bytes);
  }

  /** Alarms that were received, each signed as the receiver's library has it. */
  alarms(): ReceivedAlarm[] {
    return this.hooks.received
      .filter(({ path }) => path === "/alarms")
      .map(({ headers, body }) => {
        const plain = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
        const { type, data } = cloudEvent.parse(new Webhook(SECRET).verify(body, plain));
        return { id: String(headers["webhook-id"]), type, title: data.finding_info.title };
      });
  }

  /** Those of findings: where a machine is slow, rounds that are to come each second are overdue, and that is told as well. */
  findings(): ReceivedAlarm[] {
    return this.alarms().filter(({ type }) => type.startsWith("stele.finding"));
  }

  pings(): number {
    return this.hooks.received.filter(({ path }) => path.startsWith("/ping/")).length;
  }
}

/** What a daemon said of one kind. */
export function events(stele: Stele, name: string): Record<string, unknown>[] {
  // The last line may not be whole yet.
  return stele.said
    .split("\n")
    .slice(0, -1)
    .filter((one) => one.startsWith("{"))
    .map((one) => line.parse(JSON.parse(one)))
    .filter(({ event }) => event === name);
}

export async function ask(address: string, path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://${address}${path}`);
  return { status: response.status, body: await response.text() };
}
