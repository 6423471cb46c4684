import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** What a certificate of a time-stamp authority may be made wrong in. */
export interface AuthorityOptions {
  /** Days from now until which it is valid. */
  readonly days?: number;
  readonly algorithm?: "rsa" | "ec";
  /** Digest of the certificate's id in the token. */
  readonly essDigest?: "sha1" | "sha256";
  /** Lets a second authority stand between the root and the signer, though the root allows none. */
  readonly tooLong?: boolean;
  /** Makes a certificate of the root's key by the authority below it as well: `root-by-sub.pem`. */
  readonly circle?: boolean;
}

/** A time-stamp authority that is openssl alone: `openssl ts` behind a little HTTP server. */
export class TestAuthority implements AsyncDisposable {
  readonly folder: string;
  readonly url: string;
  /** The root certificate, in PEM. */
  readonly root: string;
  readonly #close: () => Promise<void>;
  /** Stands in for its answer, where a test says so. */
  instead: ((reply: Buffer) => Promise<{ status?: number; type?: string; body: Buffer }>) | null = null;
  requests = 0;

  private constructor(folder: string, url: string, root: string, close: () => Promise<void>) {
    this.folder = folder;
    this.url = url;
    this.root = root;
    this.#close = close;
  }

  static async start(options: AuthorityOptions = {}): Promise<TestAuthority> {
    const folder = await mkdtemp(join(tmpdir(), "stele-tsa-"));
    await makeCertificates(folder, options);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the authority is not listening");
    const { port } = address;
    const authority = new TestAuthority(
      folder,
      `http://127.0.0.1:${port}/tsr`,
      await readFile(join(folder, "root.pem"), "utf8"),
      async () => {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
        await rm(folder, { recursive: true });
      },
    );
    server.on("request", (request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        authority.requests++;
        authority.#reply(Buffer.concat(parts))
          .then(({ status = 200, type = "application/timestamp-reply", body }) =>
            response.writeHead(status, { "content-type": type }).end(body),
          )
          .catch((error: unknown) => response.writeHead(500).end(String(error)));
      });
    });
    return authority;
  }

  /** A reply to a request, as the authority gives it. */
  async reply(query: Buffer, config = "ts.cnf"): Promise<Buffer> {
    const name = join(this.folder, `query-${this.requests}`);
    await writeFile(`${name}.tsq`, query);
    await openssl(this.folder, ["ts", "-reply", "-config", config, "-queryfile", `${name}.tsq`, "-out", `${name}.tsr`]);
    return readFile(`${name}.tsr`);
  }

  /** Another certificate by the same root, of another usage. */
  issueOther(usage: string): Promise<void> {
    return issueSigner(this.folder, "other", "/O=Test/CN=Test TSA", `extendedKeyUsage=${usage}\n`);
  }

  /** A token over a TSTInfo by the other certificate: what a holder of any certificate of this root could make. */
  async signAsOther(info: Uint8Array): Promise<Buffer> {
    await writeFile(join(this.folder, "info.der"), info);
    const type = ["-econtent_type", "1.2.840.113549.1.9.16.1.4", "-cades", "-nosmimecap", "-md", "sha256"];
    const by = ["-signer", "other.pem", "-inkey", "other.key", "-certfile", "chain.pem"];
    const files = ["-in", "info.der", "-outform", "DER", "-out", "forged.der"];
    await openssl(this.folder, ["cms", "-sign", "-binary", "-nodetach", ...type, ...by, ...files]);
    return readFile(join(this.folder, "forged.der"));
  }

  /** The signer's certificate once more, in PEM: the same name, number, key and issuer, but another certificate. */
  async reissue(): Promise<string> {
    const { serialNumber } = new X509Certificate(await readFile(join(this.folder, "tsa.pem")));
    const by = ["-CA", "root.pem", "-CAkey", "root.key", "-set_serial", `0x${serialNumber}`];
    await openssl(this.folder, [
      "x509",
      "-req",
      "-in",
      "tsa.csr",
      ...by,
      "-days",
      "99",
      "-extfile",
      "tsa.ext",
      "-out",
      "again.pem",
    ]);
    return readFile(join(this.folder, "again.pem"), "utf8");
  }

  /** Whether openssl takes the token for one over `stamped`. */
  async accepts(token: Uint8Array, stamped: Uint8Array): Promise<boolean> {
    await writeFile(join(this.folder, "token.der"), token);
    await writeFile(join(this.folder, "stamped"), stamped);
    const args = ["ts", "-verify", "-in", "token.der", "-token_in", "-data", "stamped", "-CAfile", "root.pem"];
    return openssl(this.folder, args).then(
      () => true,
      () => false,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #reply(query: Buffer): Promise<{ status?: number; type?: string; body: Buffer }> {
    const body = await this.reply(query);
    return this.instead === null ? { body } : this.instead(body);
  }
}

async function issueSigner(folder: string, name: string, subject: string, extensions: string): Promise<void> {
  await writeFile(
    join(folder, `${name}.ext`),
    `basicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\n${extensions}`,
  );
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await openssl(folder, [
    "req",
    "-new",
    "-config",
    "req.cnf",
    ...newKey,
    "-keyout",
    `${name}.key`,
    "-subj",
    subject,
    "-out",
    `${name}.csr`,
  ]);
  const by = ["-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial"];
  await openssl(folder, [
    "x509",
    "-req",
    "-in",
    `${name}.csr`,
    ...by,
    "-days",
    "30",
    "-extfile",
    `${name}.ext`,
    "-out",
    `${name}.pem`,
  ]);
}

async function openssl(folder: string, args: readonly string[]): Promise<void> {
  await run("openssl", [...args], { cwd: folder, env: { PATH: process.env["PATH"], OPENSSL_CONF: "/dev/null" } });
}

async function makeCertificates(folder: string, options: AuthorityOptions): Promise<void> {
  const { days = 3650, algorithm = "ec", essDigest = "sha256", tooLong = false, circle = false } = options;
  const newKey =
    algorithm === "rsa" ? ["-newkey", "rsa:2048", "-nodes"] : ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);
  await write("req.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
  await write(
    "ca.ext",
    `basicConstraints=critical,CA:true${tooLong ? ",pathlen:0" : ""}\nkeyUsage=critical,keyCertSign,cRLSign\n`,
  );
  await write("sub.ext", "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\n");
  await write(
    "tsa.ext",
    "basicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n",
  );
  await write("serial", "01\n");
  await write(
    "ts.cnf",
    `[tsa]\ndefault_tsa=t\n[t]\ndir=.\nserial=./serial\ncrypto_device=builtin\nsigner_cert=./tsa.pem\ncerts=./chain.pem\n` +
      `signer_key=./tsa.key\nsigner_digest=sha256\ndefault_policy=1.2.3.4.1\ndigests=sha256\naccuracy=secs:1\nordering=yes\n` +
      `tsa_name=yes\ness_cert_id_chain=no\ness_cert_id_alg=${essDigest}\n`,
  );
  const request = (name: string, subject: string): Promise<void> =>
    openssl(folder, [
      "req",
      "-new",
      "-config",
      "req.cnf",
      ...newKey,
      "-keyout",
      `${name}.key`,
      "-subj",
      subject,
      "-out",
      `${name}.csr`,
    ]);
  const issue = (name: string, extensions: string, by: readonly string[], valid: number): Promise<void> =>
    openssl(folder, [
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      ...by,
      "-days",
      String(valid),
      "-extfile",
      extensions,
      "-out",
      `${name}.pem`,
    ]);
  const byCa = (name: string): string[] => ["-CA", `${name}.pem`, "-CAkey", `${name}.key`, "-CAcreateserial"];
  await Promise.all([request("root", "/CN=Test Root"), request("sub", "/CN=Test Sub"), request("tsa", "/O=Test/CN=Test TSA")]);
  await issue("root", "ca.ext", ["-signkey", "root.key"], 7300);
  await issue("sub", "sub.ext", byCa("root"), 3650);
  if (circle) {
    await rename(join(folder, "root.pem"), join(folder, "own.pem"));
    await issue("root", "ca.ext", byCa("sub"), 3650);
    await rename(join(folder, "root.pem"), join(folder, "root-by-sub.pem"));
    await rename(join(folder, "own.pem"), join(folder, "root.pem"));
  }
  const issuer = tooLong ? "sub" : "root";
  await issue("tsa", "tsa.ext", byCa(issuer), days);
  await write(
    "chain.pem",
    tooLong ? await readFile(join(folder, "sub.pem"), "utf8") : await readFile(join(folder, "root.pem"), "utf8"),
  );
}
