/**
 * Explains why a TLS handshake failed.
 *
 * @module
 */

/** Codes of node:tls of Deno 2.9.6, and what they mean for an operator. */
const REASONS: readonly (readonly [code: RegExp, reason: string])[] = [
  [
    /WRONG_VERSION_NUMBER/,
    "The client does not use TLS, and this port needs it: give the client TLS credentials or an " +
    "https address",
  ],
  [
    /PEER_DID_NOT_RETURN_A_CERTIFICATE/,
    "The client sent no certificate, and STREAM_PROXY_TLS_CLIENT_AUTH requires one",
  ],
  [
    /UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED|CERT_/,
    "The client rejects the certificate of the proxy: check its CA and the name it connects to",
  ],
  [
    /NO_APPLICATION_PROTOCOL/,
    "The client offers no protocol that the port serves (HTTP/2 for gRPC, HTTP/1.1 for health)",
  ],
  [
    /UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION/,
    "The client offers no version of TLS that is accepted: 1.2 and 1.3 are",
  ],
];

/**
 * What went wrong, in a sentence without a full stop; `undefined` where the client only closed the
 * connection, as the checks of load balancers do.
 */
export function explainFailure(cause: Error & { readonly code?: string }): string | undefined {
  const { code = "", message } = cause;
  if (!code.startsWith("ERR_SSL")) return undefined;
  const known = REASONS.find(([pattern]) => pattern.test(code));
  return known?.[1] ?? `The TLS handshake failed: ${message}`;
}
