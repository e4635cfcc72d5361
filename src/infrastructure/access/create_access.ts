/**
 * Makes what authenticates clients, from the access policy.
 *
 * @module
 */
import { type Access, OPEN_ACCESS } from "../../application/access/access.ts";
import { Authenticator, type JwtVerifier } from "../../application/access/authenticator.ts";
import { FailedAttempts } from "../../application/access/failed_attempts.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { ProxyCounters } from "../../application/status/counters.ts";
import type { AccessPolicy, JwtRules } from "../../domain/access/policy.ts";
import { TokenDigests } from "./token_digests.ts";

/** What {@linkcode createAccess} needs. */
interface CreateAccessOptions {
  readonly counters: Pick<ProxyCounters, "access">;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends requests for keys when the proxy stops. */
  readonly signal: AbortSignal;
}

/** Makes the access of a policy; without one, authentication is off. */
export async function createAccess(
  policy: AccessPolicy | undefined,
  options: CreateAccessOptions,
): Promise<Access> {
  if (policy === undefined) return OPEN_ACCESS;
  const { counters, clock } = options;
  return new Authenticator({
    ...options,
    policy,
    tokens: new TokenDigests(policy.identities.map(({ tokens }) => tokens)),
    jwts: policy.jwt && await jwtVerifier(policy.jwt, options),
    failures: new FailedAttempts(clock),
    counts: counters.access,
  });
}

/** Loads what verifies JWTs, which a start without them does not need. */
async function jwtVerifier(rules: JwtRules, options: CreateAccessOptions): Promise<JwtVerifier> {
  const { openVerifier } = await import("./jose_verifier.ts");
  return openVerifier(rules, options);
}
