import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concatBytes, equalBytes, toHex } from "../bytes.ts";

const { Point } = ed25519;

/** The 32-byte public key of a 32-byte seed (RFC 8032 section 5.1.5). */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  return ed25519.getPublicKey(seed);
}

/** The 64-byte Ed25519 signature of `message` (RFC 8032 section 5.1.6). */
export function sign(message: Uint8Array, seed: Uint8Array): Uint8Array {
  return ed25519.sign(message, seed);
}

/**
 * Whether `signature` is valid (RFC 8032 section 5.1.7); malformed keys and signatures are not valid, nor are keys of small
 * order. The equation is the one without the cofactor, as OpenSSL has it: `R = [S]B - [k]A`, compared in bytes. The library's
 * own check multiplies by the cofactor, and a signer could make signatures that hold here and not under Node.
 */
export function verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false;
  const R = signature.subarray(0, 32);
  const S = littleEndian(signature.subarray(32));
  if (S >= Point.Fn.ORDER) return false;
  try {
    const A = Point.fromBytes(publicKey);
    if (A.isSmallOrder()) return false;
    const k = littleEndian(sha512(concatBytes(R, publicKey, message))) % Point.Fn.ORDER;
    return equalBytes(Point.BASE.multiplyUnsafe(S).subtract(A.multiplyUnsafe(k)).toBytes(), R);
  } catch {
    return false;
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(Uint8Array.from(bytes).reverse())}`);
}
