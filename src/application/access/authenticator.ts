/**
 * Authenticates clients by the access policy.
 *
 * An address that fails too often is refused before a signature is verified. Credentials that cost
 * nothing to check and cannot be guessed still work then, because many clients can share one
 * address: certificates, generated tokens, and JWTs that were verified a short time ago.
 *
 * @module
 */
import type { Identity } from "../../domain/access/grants.ts";
import type { AccessPolicy, PolicyIdentity } from "../../domain/access/policy.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { AccessRefusal } from "../status/counters.ts";
import {
  type Access,
  type AuthenticationFailure,
  type Credentials,
  type PeerCertificate,
  Unauthenticated,
} from "./access.ts";
import type { PermissionDenied } from "./authorize.ts";
import type { FailedAttempts } from "./failed_attempts.ts";

/** Longer tokens are refused unread, in characters. */
const MAX_TOKEN_LENGTH = 8_192;
/** A token with 256 random bits, as `deno task token` makes it. */
const GENERATED = /^asp_[\w-]{43}$/;
/** Three parts of base64url. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** Shortest time between two lines about one reason, in ms. */
const LOG_EVERY_MS = 10_000;
/** Longest subject of a JWT, which becomes part of a name. */
const SUBJECT = /^[\x21-\x7e]{1,128}$/;

/** Begins the common name of a certificate, in a policy and in a subject. */
const COMMON_NAME = "CN=";

/** Finds the owner of a static token, in a time that does not depend on the token. */
export interface StaticTokens {
  /** Returns the index of the identity; `undefined` when the token is not known. */
  find(token: string): number | undefined;
}

/** What a verified JWT claims. */
export interface JwtClaims {
  readonly subject: string;
  /** Value of the role claim. */
  readonly role: unknown;
  /** Epoch ms, clock tolerance included. */
  readonly expiresAt: number;
}

/** Verifies JWTs. */
export interface JwtVerifier {
  /** The claims of a token that was verified a short time ago. */
  recent(token: string): JwtClaims | undefined;
  /**
   * Verifies a token; those of one address block leave others a part of what is verified at a time.
   *
   * @param address of the client, without its port
   * @throws {Unauthenticated} by rejecting; the same object while one failure is remembered
   */
  verify(token: string, address: string): Promise<JwtClaims>;
}

/** What an {@linkcode Authenticator} needs. */
interface AuthenticatorOptions {
  readonly policy: AccessPolicy;
  readonly tokens: StaticTokens;
  /** `undefined` when no JWT is accepted. */
  readonly jwts: JwtVerifier | undefined;
  readonly failures: FailedAttempts;
  /** Refusals by reason, which it increments. */
  readonly counts: Record<AccessRefusal, number>;
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly log: Log;
}

/** Authenticates clients by static tokens, JWTs and certificates. */
export class Authenticator implements Access {
  readonly isOn = true;
  readonly #options: AuthenticatorOptions;
  readonly #identities: readonly Identity[];
  readonly #byCertificate = new Map<string, Identity>();
  readonly #bySubject = new Map<string, Identity>();
  readonly #logged = new Map<AccessRefusal, { at: number; counted: number }>();
  /** Failures that are counted: calls with one token share its verification and its failure. */
  readonly #failed = new WeakSet<Unauthenticated>();

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    const { identities } = options.policy;
    const by = (credential: "token" | "jwt" | "certificate") =>
      identities.map(({ name, grants }): Identity => ({ name, grants, credential }));
    this.#identities = by("token");
    const index = (
      map: Map<string, Identity>,
      known: readonly Identity[],
      keysOf: (of: PolicyIdentity) => readonly string[],
    ) =>
      identities.forEach((each, i) => {
        const identity = known[i];
        for (const key of keysOf(each)) if (identity) map.set(key, identity);
      });
    index(this.#byCertificate, by("certificate"), ({ certificates }) => certificates);
    index(this.#bySubject, by("jwt"), ({ subjects }) => subjects);
  }

  isBlocked(address: string): boolean {
    return this.#options.failures.blockedMs(address) > 0;
  }

  authenticate({ token, certificate, address }: Credentials): Identity | Promise<Identity> {
    try {
      if (token) return this.#byToken(token, address);
      return this.#byCertificateOf(certificate);
    } catch (error) {
      throw this.#refused(error, address);
    }
  }

  denied(peer: string, { name }: Identity, { grant, subject }: PermissionDenied): void {
    this.#report("denied", { peer, identity: name, grant, subject });
  }

  #byCertificateOf(certificate: PeerCertificate | undefined): Identity {
    // A policy has both in one list; a CA that limits common names may not limit URIs.
    const names = certificate
      ? [
        ...certificate.uris.filter((uri) => !uri.startsWith(COMMON_NAME)),
        ...certificate.subject.split("\n").filter((each) => each.startsWith(COMMON_NAME)),
      ]
      : [];
    for (const name of names) {
      const identity = this.#byCertificate.get(name);
      if (!identity || !certificate) continue;
      const { expiresAt } = certificate;
      // The connection may be older than that.
      if (expiresAt <= this.#options.clock.now()) {
        throw new Unauthenticated("expired", "The client certificate has expired; connect again");
      }
      return { ...identity, expiresAt };
    }
    throw new Unauthenticated("missing", "The request needs a bearer token");
  }

  #byToken(token: string, address: string): Identity | Promise<Identity> {
    const { tokens, jwts, failures } = this.#options;
    if (token.length > MAX_TOKEN_LENGTH) throw invalid();
    const recent = jwts?.recent(token);
    if (recent) return this.#identityOf(recent);
    const blockedMs = failures.blockedMs(address);
    if (blockedMs > 0 && !GENERATED.test(token)) {
      const seconds = Math.ceil(blockedMs / 1_000);
      throw new Unauthenticated(
        "blocked",
        `Too many failed attempts from this address; retry in ${seconds} s`,
        blockedMs,
      );
    }
    const index = tokens.find(token);
    const identity = index === undefined ? undefined : this.#identities[index];
    if (identity) return identity;
    if (jwts === undefined || !JWT.test(token)) throw invalid();
    return jwts.verify(token, address).then((claims) => this.#identityOf(claims)).catch((error) => {
      throw this.#refused(error, address);
    });
  }

  #identityOf({ subject, role, expiresAt }: JwtClaims): Identity {
    const { roles, jwt } = this.#options.policy;
    const known = this.#bySubject.get(subject);
    if (known) return { ...known, expiresAt };
    const [name, ...others] = Array.isArray(role) ? role : [role];
    const grants = jwt?.roleClaim !== undefined && typeof name === "string" && others.length === 0
      ? roles.get(name)
      : undefined;
    if (grants === undefined || !SUBJECT.test(subject)) throw invalid();
    // No identity of the policy has a colon in its name.
    return { name: `jwt:${subject}`, grants, credential: "jwt", expiresAt };
  }

  /** Counts and logs a failure; returns it. */
  #refused(error: unknown, address: string): unknown {
    if (!(error instanceof Unauthenticated)) return error;
    const { reason } = error;
    if (COUNTED.has(reason) && !this.#failed.has(error)) {
      this.#failed.add(error);
      this.#options.failures.add(address);
    }
    this.#report(reason, { address });
    return error;
  }

  /** Counts a refusal; logs at most one line per reason and 10 s. */
  #report(reason: AccessRefusal, fields: Readonly<Record<string, unknown>>): void {
    const { counts, clock, log } = this.#options;
    const count = ++counts[reason];
    const now = clock.monotonic();
    const last = this.#logged.get(reason);
    if (last !== undefined && now - last.at < LOG_EVERY_MS) return;
    this.#logged.set(reason, { at: now, counted: count });
    const refusals = count - (last?.counted ?? 0);
    log.warn("Refused a client without access", { reason, ...fields, refusals });
  }
}

/** Failures after which an address is blocked; the others cost nothing to repeat. */
const COUNTED: ReadonlySet<AuthenticationFailure> = new Set(["invalid", "expired"]);

function invalid(): Unauthenticated {
  return new Unauthenticated("invalid", "The bearer token is not valid");
}
