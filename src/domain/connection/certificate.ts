/**
 * Explains why TLS rejected the certificate of a host.
 *
 * @module
 */

/** Why a certificate was rejected, and what an operator can do. */
export interface CertificateProblem {
  readonly cause: string;
  readonly remedy: string;
}

const RENEW = "Check the clock of this machine; if it is right, the host needs a new certificate";
const TRUST =
  "If a proxy of your network inspects TLS, name its CA in DENO_CERT; otherwise check " +
  "the address of the host";

/**
 * Reads the text of a TLS error of Deno 2.9.6 (rustls), for example `invalid peer certificate:
 * UnknownIssuer`; `undefined` when it is not about a certificate.
 */
export function certificateProblem(text: string): CertificateProblem | undefined {
  const reason = /invalid peer certificate: (.+)/.exec(text)?.[1];
  if (reason === undefined) return undefined;
  const expired = /not valid after (\d+)/.exec(reason)?.[1];
  if (expired) {
    return { cause: `the TLS certificate expired at ${isoTime(expired)}`, remedy: RENEW };
  }
  const future = /not valid before (\d+)/.exec(reason)?.[1];
  if (future) {
    return { cause: `the TLS certificate is not valid before ${isoTime(future)}`, remedy: RENEW };
  }
  if (reason.includes("not valid for name")) {
    return { cause: `the TLS ${reason.replace("certificate", "certificate is")}`, remedy: TRUST };
  }
  return { cause: `the TLS certificate is not trusted (${reason})`, remedy: TRUST };
}

function isoTime(seconds: string): string {
  return Temporal.Instant.fromEpochMilliseconds(Number(seconds) * 1000).toString();
}
