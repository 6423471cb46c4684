import type { ListenAddress } from "./config.ts";
import type { EventLog } from "./event-log.ts";
import { type HealthServer, type Probes, serveHealth } from "./health-server.ts";

/** Where probes are answered now, if anywhere. */
export class HealthPort implements AsyncDisposable {
  readonly #probes: Probes;
  readonly #log: EventLog;
  #at: ListenAddress | null = null;
  #server: HealthServer | null = null;

  private constructor(probes: Probes, log: EventLog) {
    this.#probes = probes;
    this.#log = log;
  }

  /** @throws SteleError `input.invalid` when the address can't be listened on */
  static async open(probes: Probes, at: ListenAddress | null, log: EventLog): Promise<HealthPort> {
    const port = new HealthPort(probes, log);
    await port.move(at);
    return port;
  }

  /** The old address is left once the new one is taken. @throws SteleError `input.invalid`: then it stays where it is */
  async move(to: ListenAddress | null): Promise<void> {
    if (to?.host === this.#at?.host && to?.port === this.#at?.port) return;
    const server = to === null ? null : await serveHealth(this.#probes, to);
    await this.#server?.[Symbol.asyncDispose]();
    this.#server = server;
    this.#at = to;
    if (server !== null)
      this.#log.info("listening", `probes and metrics on http://${server.address}`, { address: server.address });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    this.#server = null;
    this.#at = null;
  }
}
