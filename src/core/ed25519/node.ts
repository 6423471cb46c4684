import { createPrivateKey, createPublicKey, sign as nodeSign, verify as nodeVerify } from "node:crypto";

const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** The 32-byte public key of a 32-byte seed (RFC 8032 section 5.1.5). */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  const spki = createPublicKey(privateKey(seed)).export({ format: "der", type: "spki" });
  return new Uint8Array(spki.subarray(SPKI_PREFIX.length));
}

/** The 64-byte Ed25519 signature of `message` (RFC 8032 section 5.1.6). */
export function sign(message: Uint8Array, seed: Uint8Array): Uint8Array {
  return nodeSign(null, message, privateKey(seed));
}

/** Whether `signature` is valid (RFC 8032 section 5.1.7); malformed keys and signatures are not valid. */
export function verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false;
  try {
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: "der", type: "spki" });
    return nodeVerify(null, message, key, signature);
  } catch {
    // OpenSSL throws where the 32 bytes are no point on the curve.
    return false;
  }
}

function privateKey(seed: Uint8Array): ReturnType<typeof createPrivateKey> {
  // OpenSSL does not mind bytes after the key.
  if (seed.length !== 32) throw new RangeError(`expected a seed of 32 bytes, got ${seed.length}`);
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
}
