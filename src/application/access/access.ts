/**
 * The port that authenticates clients.
 *
 * @module
 */
import { ANONYMOUS, type Identity } from "../../domain/access/grants.ts";
import type { PermissionDenied } from "./authorize.ts";

/** A client certificate that TLS has verified. */
export interface PeerCertificate {
  /** The distinguished name, one attribute such as `CN=dashboard` per line. */
  readonly subject: string;
  /** URIs of its subject alternative names, such as `spiffe://desk/dashboard`. */
  readonly uris: readonly string[];
  /** End of its validity, in epoch ms. */
  readonly expiresAt: number;
}

/** What a client presents; a token decides where it has both. */
export interface Credentials {
  /** A bearer token, without the word `Bearer`. @default none */
  readonly token?: string | undefined;
  readonly certificate?: PeerCertificate | undefined;
  /** IP address of the client, without its port. */
  readonly address: string;
}

/** Why a client is not authenticated. */
export type AuthenticationFailure =
  /** It presents neither a token nor a certificate of an identity. */
  | "missing"
  /** Its token is not known or not valid. */
  | "invalid"
  /** Its token was valid. */
  | "expired"
  /** Too many failures of its address. */
  | "blocked"
  /** The keys of the issuer are not known at present, or too many tokens are being verified. */
  | "unavailable";

/** A client is not authenticated; the message is for the client. */
export class Unauthenticated extends Error {
  override readonly name = "Unauthenticated";
  readonly reason: AuthenticationFailure;
  /** Time in ms after which the same request may succeed; `undefined` for never. */
  readonly retryAfterMs: number | undefined;

  constructor(reason: AuthenticationFailure, message: string, retryAfterMs?: number) {
    super(message);
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Authenticates clients. */
export interface Access {
  /** Whether a policy is set; without one every client is {@linkcode ANONYMOUS}. */
  readonly isOn: boolean;
  /**
   * Returns the identity of a client, synchronously unless a signature has to be verified.
   *
   * @throws {Unauthenticated} or rejects with it
   */
  authenticate(credentials: Credentials): Identity | Promise<Identity>;
  /** Whether an address has failed so often that requests without a known token are refused. */
  isBlocked(address: string): boolean;
  /** Counts and logs a request that is not granted; `peer` is the address and port. */
  denied(peer: string, identity: Identity, error: PermissionDenied): void;
}

/** Authentication is off: every client is {@linkcode ANONYMOUS}. */
export const OPEN_ACCESS: Access = {
  isOn: false,
  authenticate: () => ANONYMOUS,
  isBlocked: () => false,
  denied: () => {},
};
