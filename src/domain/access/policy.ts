/**
 * The access policy: which credentials belong to which identity.
 *
 * @module
 */
import type { Grants } from "./grants.ts";

/** An identity of the policy and its credentials. */
export interface PolicyIdentity {
  /** Unique in the policy. */
  readonly name: string;
  /** What its role grants. */
  readonly grants: Grants;
  /** SHA-256 digests of its tokens, as 64 lower-case hexadecimal digits. */
  readonly tokens: readonly string[];
  /** URIs of its client certificates, or common names as `CN=name`. */
  readonly certificates: readonly string[];
  /** Subjects (`sub`) of its JWTs. */
  readonly subjects: readonly string[];
}

/** Signature algorithms of JWTs that can be accepted. */
export type JwtAlgorithm = "RS256" | "ES256" | "EdDSA";

/** Which JWTs are accepted. */
export interface JwtRules {
  /** Where the issuer publishes its keys. */
  readonly jwksUrl: string;
  /** Required value of `iss`. */
  readonly issuer: string;
  /** Required value of `aud`, or one of its values. */
  readonly audience: string;
  /** Algorithms that a signature may have; those of the token's header do not count. */
  readonly algorithms: readonly JwtAlgorithm[];
  /** By how much the clocks of issuer and proxy may differ, in ms. */
  readonly clockToleranceMs: number;
  /** The claim with the role of subjects that no identity lists. @default they are refused */
  readonly roleClaim: string | undefined;
}

/** Who may use the proxy. */
export interface AccessPolicy {
  /** What each role grants, by its name. */
  readonly roles: ReadonlyMap<string, Grants>;
  /** All identities, each with its credentials. */
  readonly identities: readonly PolicyIdentity[];
  /** `undefined` when no JWT is accepted. */
  readonly jwt: JwtRules | undefined;
}
