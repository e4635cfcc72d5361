/**
 * The port that encrypts client connections, and the certificate that it uses.
 *
 * @module
 */
import type { PeerCertificate } from "../access/access.ts";

/** The ports that can be encrypted. */
export const TLS_PORTS = ["grpc", "websocket", "health", "metrics"] as const;

/** One port that can be encrypted. */
export type TlsPort = "grpc" | "websocket" | "health" | "metrics";

/** Whether clients need a certificate (`require`) or may have one (`request`). */
export type ClientAuth = "require" | "request";

/** The certificate of the proxy with its key, and the CA of its clients, all in PEM. */
export interface KeyMaterial {
  /** The certificate, and the intermediate ones behind it. */
  readonly certificate: string;
  /** Private key of the certificate, as PEM text. */
  readonly key: string;
  /** Certificates of the CAs that sign those of clients; undefined if clients have none. */
  readonly clientCa: string | undefined;
  /** Subject of the certificate: "CN=proxy.example.org". */
  readonly subject: string;
  /** End of the validity of the certificate, in epoch ms. */
  readonly expiresAt: number;
}

/** Encrypts the accepted connections of one port; `S` is a socket. */
export interface ConnectionSecurity<S> {
  /**
   * Begins the handshake of a connection. A connection whose handshake fails, takes too long or
   * exceeds a limit is reset.
   *
   * @param onSecured called with the encrypted connection once the handshake is complete, and the
   * certificate of the client where it has one that was verified
   */
  secure(socket: S, onSecured: (secured: S, certificate?: PeerCertificate) => void): void;
}
