import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { createServer, type Server } from "node:http";

/**
 * A witness as c2sp.org/tlog-witness, tlog-cosignature, tlog-checkpoint and signed-note describe one. Written from those pages
 * with node:crypto alone: it shares no code with what it tests.
 */
export class TestWitness implements AsyncDisposable {
  readonly vkey: string;
  readonly #name: string;
  readonly #key: KeyObject;
  readonly #id: Buffer;
  readonly #now: () => number;
  /** The logs it knows: an origin's public keys, by key id in hexadecimal. */
  readonly #logs = new Map<string, Map<string, KeyObject>>();
  /** The latest checkpoint that it cosigned of each origin. */
  readonly #latest = new Map<string, { size: number; root: Buffer }>();
  readonly #server: Server;
  /** What it was asked, as method, path and first line. */
  readonly requests: string[] = [];
  /** Answers in the witness's place, where a test says so. */
  instead: ((body: string) => { status: number; type?: string; body?: string | Buffer } | null) | null = null;

  private constructor(name: string, seed: number, now: () => number, server: Server) {
    this.#name = name;
    this.#now = now;
    this.#server = server;
    this.#key = createPrivateKey({
      key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.alloc(32, seed)]),
      format: "der",
      type: "pkcs8",
    });
    const typed = Buffer.concat([Buffer.of(4), createPublicKey(this.#key).export({ format: "der", type: "spki" }).subarray(-32)]);
    this.#id = keyId(name, typed);
    this.vkey = `${name}+${this.#id.toString("hex")}+${typed.toString("base64")}`;
  }

  static async start(name: string, seed: number, now: () => number): Promise<TestWitness> {
    const server = createServer();
    const witness = new TestWitness(name, seed, now, server);
    server.on("request", (request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const body = Buffer.concat(parts).toString();
        witness.requests.push(`${request.method} ${request.url} ${body.split("\n")[0]}`);
        const answer = witness.instead?.(body) ?? witness.#answer(request.method, request.url, body);
        response.writeHead(answer.status, { "content-type": answer.type ?? "text/plain" }).end(answer.body ?? "");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return witness;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the witness is not listening");
    return `http://127.0.0.1:${address.port}/prefix`;
  }

  /** Tells the witness of a log, by its vkey. */
  knows(vkey: string): this {
    const [, name = "", id = "", base64 = ""] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey) ?? [];
    const publicKey = Buffer.from(base64, "base64").subarray(1);
    const key = createPublicKey({
      key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), publicKey]),
      format: "der",
      type: "spki",
    });
    const keys = this.#logs.get(name) ?? new Map<string, KeyObject>();
    keys.set(id, key);
    this.#logs.set(name, keys);
    return this;
  }

  latest(origin: string): number {
    return this.#latest.get(origin)?.size ?? 0;
  }

  /** A signature line over a checkpoint's text. */
  cosign(text: string, seconds: number = Math.floor(this.#now() / 1000)): string {
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(BigInt(seconds));
    const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`), this.#key);
    return `\u2014 ${this.#name} ${Buffer.concat([this.#id, time, signature]).toString("base64")}\n`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(method: string | undefined, path: string | undefined, body: string): { status: number; type?: string; body?: string } {
    if (method !== "POST" || path !== "/prefix/add-checkpoint") return { status: 405 };
    const blank = body.indexOf("\n\n");
    const [oldLine = "", ...proofLines] = body.slice(0, blank).split("\n");
    const oldMatch = /^old (0|[1-9][0-9]*)$/.exec(oldLine);
    const note = body.slice(blank + 2);
    const end = note.lastIndexOf("\n\n");
    if (blank < 0 || oldMatch === null || proofLines.length > 63 || end < 0 || !note.endsWith("\n")) return { status: 400 };
    const text = note.slice(0, end + 1);
    const [origin = "", sizeLine = "", rootLine = ""] = text.split("\n");
    if (!/^(0|[1-9][0-9]*)$/.test(sizeLine)) return { status: 400 };
    const size = Number(sizeLine);
    const root = Buffer.from(rootLine, "base64");
    const old = Number(oldMatch[1]);

    const keys = this.#logs.get(origin);
    if (keys === undefined) return { status: 404, body: "unknown log\n" };
    if (!isSigned(text, note.slice(end + 2), origin, keys)) return { status: 403, body: "no trusted signature\n" };
    if (old > size) return { status: 400 };
    const latest = this.#latest.get(origin) ?? { size: 0, root: createHash("sha256").digest() };
    if (old !== latest.size) return { status: 409, type: "text/x.tlog.size", body: `${latest.size}\n` };
    if (old === size) {
      if (!root.equals(latest.root)) return { status: 409, type: "text/x.tlog.size", body: `${latest.size}\n` };
    } else if (old === 0 ? proofLines.length > 0 : !extend(old, latest.root, size, root, proofLines)) {
      return { status: 422, body: "inconsistent\n" };
    }
    this.#latest.set(origin, { size, root });
    return { status: 200, body: this.cosign(text) };
  }
}

function keyId(name: string, typed: Buffer): Buffer {
  return createHash("sha256")
    .update(Buffer.concat([Buffer.from(`${name}\n`), typed]))
    .digest()
    .subarray(0, 4);
}

function isSigned(text: string, lines: string, origin: string, keys: ReadonlyMap<string, KeyObject>): boolean {
  let good = false;
  for (const line of lines.split("\n").slice(0, -1)) {
    const [, name, base64 = ""] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? [];
    const bytes = Buffer.from(base64, "base64");
    const key = name === origin ? keys.get(bytes.subarray(0, 4).toString("hex")) : undefined;
    if (key === undefined) continue;
    if (!verify(null, Buffer.from(text), key, bytes.subarray(4))) return false;
    good = true;
  }
  return good;
}

function node(left: Buffer, right: Buffer): Buffer {
  return createHash("sha256")
    .update(Buffer.concat([Buffer.of(1), left, right]))
    .digest();
}

/** RFC 6962 section 2.1.2, read from the end of the proof: SUBPROOF(m, D[n], b) gives back the roots of old and new tree. */
function extend(oldSize: number, oldRoot: Buffer, size: number, root: Buffer, lines: readonly string[]): boolean {
  const proof = lines.map((line) => Buffer.from(line, "base64"));
  const subproof = (m: number, n: number, isOld: boolean): { before: Buffer; after: Buffer } => {
    if (m === n && isOld) return { before: oldRoot, after: oldRoot };
    const last = proof.pop();
    if (last === undefined) throw new Error("the proof is too short");
    if (m === n) {
      // The first hash of the proof is the last that is taken.
      return { before: last, after: last };
    }
    let k = 1;
    while (k * 2 < n) k *= 2;
    if (m <= k) {
      const { before, after } = subproof(m, k, isOld);
      return { before, after: node(after, last) };
    }
    const { before, after } = subproof(m - k, n - k, false);
    return { before: node(last, before), after: node(last, after) };
  };
  try {
    const { before, after } = subproof(oldSize, size, true);
    return proof.length === 0 && before.equals(oldRoot) && after.equals(root);
  } catch {
    return false;
  }
}
