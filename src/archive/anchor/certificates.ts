import { X509Certificate } from "node:crypto";
import { SteleError } from "../../core/error.ts";

/** A certificate of an authority that the user has chosen to trust. */
export interface TrustedCertificate {
  readonly der: Uint8Array<ArrayBuffer>;
  /** Its subject on one line, such as `CN=Example TSA Root, O=Example`. */
  readonly subject: string;
}

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/**
 * Reads CA certificates in PEM, one or more in a file.
 * @param what the file, for messages
 * @throws SteleError `input.invalid`
 */
export function parseCertificates(pem: string, what: string): TrustedCertificate[] {
  const found = pem.match(PEM) ?? [];
  if (found.length === 0) {
    throw new SteleError("input.invalid", `${what}: expected CA certificates in PEM (-----BEGIN CERTIFICATE-----), got none`);
  }
  return found.map((text) => {
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(text);
    } catch (cause) {
      throw new SteleError("input.invalid", `${what}: a certificate in it is malformed`, { cause });
    }
    const subject = certificate.subject.split("\n").join(", ");
    if (!certificate.ca) {
      throw new SteleError("input.invalid", `${what}: expected certificates of authorities (CA), got that of ${subject}`);
    }
    return { der: new Uint8Array(certificate.raw), subject };
  });
}
