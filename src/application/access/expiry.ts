/**
 * How streams and connections end with the credentials of their client.
 *
 * @module
 */

/** Why a stream ends with the token or the certificate that is its identity. */
export const IDENTITY_EXPIRED =
  "The token or certificate has expired; reopen the stream with a new one";

/** Why a connection ends with its client certificate. */
export const CERTIFICATE_EXPIRED =
  "The client certificate of the connection has expired; connect again with a new one";

/**
 * Time that a connection has after the end of its certificate, in ms. Streams of which it is the
 * identity end before.
 */
export const CERTIFICATE_GRACE_MS = 2_000;
