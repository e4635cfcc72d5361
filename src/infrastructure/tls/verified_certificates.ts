/**
 * Which TLS sessions may be resumed on ports that ask clients for a certificate.
 *
 * - Product: node:tls of Deno 2.9.6.
 * - Symptom: all servers of a process have the same keys for session tickets, and no option of
 *   node:tls turns tickets off. A client that resumes a session is not asked for a certificate; the
 *   one of its session counts, which is not verified again. So a session of the health port, which
 *   asks for none, is resumed on a port that requires one, and a session stays valid after the CA
 *   of its certificate was removed.
 * - Report: none found.
 * - Test: "node:tls resumes a session of a port that asks for no certificate" fails once this can
 *   go.
 *
 * A session is resumed only if a full handshake has verified its certificate by the same CAs.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** Most certificates that are remembered: a forgotten one costs its client a full handshake. */
const MAX_CERTIFICATES = 10_000;

/** The certificates of clients that full handshakes have verified by the CAs in force. */
export class VerifiedCertificates {
  /** Digests, the oldest first. */
  readonly #digests = new Set<string>();

  /** Remembers a certificate in DER; the oldest one is forgotten for it. */
  add(certificate: Uint8Array): void {
    const digest = digestOf(certificate);
    this.#digests.delete(digest);
    this.#digests.add(digest);
    if (this.#digests.size <= MAX_CERTIFICATES) return;
    const [oldest = ""] = this.#digests;
    this.#digests.delete(oldest);
  }

  /** Whether a certificate in DER is remembered. */
  has(certificate: Uint8Array): boolean {
    return this.#digests.has(digestOf(certificate));
  }
}

function digestOf(certificate: Uint8Array): string {
  return createHash("sha256").update(certificate).digest("base64");
}
