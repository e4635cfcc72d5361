/**
 * Wraps an accepted socket in a TLS socket that behaves as the plain one.
 *
 * Reset
 * - Product: node:tls of Deno 2.9.6.
 * - Symptom: `resetAndDestroy` of a TLS socket closes the connection with FIN instead of RST, after
 *   an `error` event. A client that reads the end of a connection in place of a reset can take its
 *   streams for cancelled. So the socket below is reset.
 * - Report: none found.
 * - Test: "node:tls ends a connection in place of resetting it" fails once this can go.
 *
 * Unread bytes
 * - Product: node:tls of Deno 2.9.6.
 * - Symptom: a paused TLS socket goes on reading from its connection and keeps everything in
 *   memory, so that a client that sends while it is not read can use it up. So reading stops and
 *   starts on the handle below too.
 * - Report: none found; https://github.com/denoland/deno/pull/33524 keeps the bytes.
 * - Test: "node:tls reads from a client while it is paused" fails once this can go.
 *
 * Verification
 * - Product: node:tls of Deno 2.9.6, as that of Node.js.
 * - Symptom: a handshake with a client certificate that no CA of the context has signed, or that
 *   has expired, succeeds; only `tls.Server` rejects it, by a method of the handle.
 * - Test: "with client certificates required, only verified ones are served" fails without this.
 *
 * End of the handshake
 * - Product: node:http2 of Deno 2.9.6, as that of Node.js.
 * - Symptom: it waits for the end of the handshake until `secureConnecting` is false, which only
 *   `tls.Server` sets. By design; no report.
 * - Test: all tests of gRPC with TLS fail without this.
 *
 * @module
 */
import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";

/** How the connections of a port are secured. */
interface ServerSocketOptions {
  readonly secureContext: SecureContext;
  /** Names of the protocols that the port serves: `h2`. */
  readonly protocols: readonly string[];
  readonly requestsCertificate: boolean;
  readonly requiresCertificate: boolean;
}

/** The part of node:net's internal handle that is used. */
interface Handle {
  readStart(): unknown;
  readStop(): unknown;
}

/** The part of node:tls's internal handle that is used. */
interface TlsHandle extends Handle {
  /** Why the certificate of the client is not valid; empty if it is, or if there is none. */
  verifyError?(): unknown;
  /** Takes bytes as if the client had sent them. */
  receive?(bytes: Uint8Array): void;
}

/** A record that no client can have encrypted. */
const INVALID_RECORD = Uint8Array.of(0x17, 3, 3, 0, 1, 0xff);

function handleOf<T extends Handle>(socket: Socket): T | undefined {
  return (socket as { readonly _handle?: T | null })._handle ?? undefined;
}

/** Begins the handshake of an accepted socket. */
export function secureServerSocket(
  raw: Socket,
  { secureContext, protocols, requestsCertificate, requiresCertificate }: ServerSocketOptions,
): TLSSocket {
  const secured = new TLSSocket(raw, {
    isServer: true,
    secureContext,
    requestCert: requestsCertificate,
    rejectUnauthorized: requiresCertificate,
    ALPNProtocols: [...protocols],
  });
  secured.resetAndDestroy = () => {
    raw.resetAndDestroy();
    return secured;
  };
  const outer = handleOf(secured);
  const inner = handleOf(raw);
  if (outer && inner) {
    const { readStart, readStop } = outer;
    outer.readStart = () => {
      inner.readStart();
      return readStart.call(outer);
    };
    outer.readStop = () => {
      inner.readStop();
      return readStop.call(outer);
    };
  }
  return secured;
}

/** Marks the handshake as complete, so that HTTP/2 serves the socket. */
export function markSecure(secured: TLSSocket): void {
  (secured as unknown as { secureConnecting: boolean }).secureConnecting = false;
}

/**
 * Sends a fatal alert, after which a client forgets the session that it has resumed. node:tls sends
 * one for an invalid record only.
 */
export function failWithAlert(secured: TLSSocket): void {
  handleOf<TlsHandle>(secured)?.receive?.(INVALID_RECORD);
}

/**
 * Why the certificate of a client is not valid, after the handshake; `undefined` if it is, or if
 * the client sent none.
 */
export function certificateFault(secured: TLSSocket): string | undefined {
  const handle = handleOf<TlsHandle>(secured);
  if (handle?.verifyError === undefined) return "the connection has ended";
  const fault = handle.verifyError();
  if (fault === undefined || fault === null || fault === "") return undefined;
  return fault instanceof Error ? fault.message : String(fault);
}
