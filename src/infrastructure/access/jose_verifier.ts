/**
 * Verifies JWTs by `jose`.
 *
 * The accepted algorithms are those of the policy, never that of the token, and a key is used only
 * for the algorithm of its type. Keys or their addresses in a token (`jwk`, `jku`, `x5c`, `x5u`)
 * are ignored. A token that was verified or refused is remembered by its digest for a limited time.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { errors, jwtVerify, type JWTVerifyGetKey } from "jose";
import { Unauthenticated } from "../../application/access/access.ts";
import type { JwtClaims, JwtVerifier } from "../../application/access/authenticator.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { JwtRules } from "../../domain/access/policy.ts";
import { addressBlock } from "../../domain/limits/address_block.ts";
import { IssuerKeys, type IssuerKeysOptions } from "./issuer_keys.ts";

/** How long a verified token is accepted without verifying it again, in ms. */
const RECENT_MS = 300_000;
/** How long a refused token is refused without verifying it again, in ms. */
const REFUSED_MS = 10_000;
/** Most tokens of each kind that are remembered. */
const MAX_RECENT = 4_096;
/** Most tokens that are verified at one time, in all and of one address block. */
const MAX_PENDING = { total: 256, perBlock: 32 } as const;

/** What a {@linkcode JoseVerifier} needs. */
interface JoseVerifierOptions {
  readonly rules: JwtRules;
  /** Selects the key of a token. */
  readonly keys: JWTVerifyGetKey;
  readonly clock: Pick<Clock, "now" | "monotonic">;
}

/** A verified token. */
interface Verified {
  readonly claims: JwtClaims;
  /** Monotonic ms. */
  readonly at: number;
}

/** A token that is being verified. */
interface Verifying {
  readonly claims: Promise<JwtClaims>;
  /** The block of addresses that has sent it first. */
  readonly block: string;
}

/** Verifies signatures and claims. */
export class JoseVerifier implements JwtVerifier {
  readonly #options: JoseVerifierOptions;
  /** By digest, the oldest first. */
  readonly #recent = new Map<string, Verified>();
  readonly #refused = new Map<string, { readonly error: Unauthenticated; readonly at: number }>();
  readonly #pending = new Map<string, Verifying>();

  constructor(options: JoseVerifierOptions) {
    this.#options = options;
  }

  recent(token: string): JwtClaims | undefined {
    const { clock } = this.#options;
    const verified = this.#recent.get(digestOf(token));
    if (verified === undefined || clock.monotonic() - verified.at >= RECENT_MS) return undefined;
    // An expired one is verified again, which finds the reason.
    return verified.claims.expiresAt > clock.now() ? verified.claims : undefined;
  }

  verify(token: string, address: string): Promise<JwtClaims> {
    const digest = digestOf(token);
    const pending = this.#pending.get(digest);
    if (pending) return pending.claims;
    const refused = this.#refused.get(digest);
    if (refused && this.#options.clock.monotonic() - refused.at < REFUSED_MS) {
      return Promise.reject(refused.error);
    }
    const block = addressBlock(address);
    const whose = this.#excess(block);
    if (whose !== undefined) {
      const text = `Too many tokens ${whose}are being verified; retry shortly`;
      return Promise.reject(new Unauthenticated("unavailable", text, 1_000));
    }
    const at = () => this.#options.clock.monotonic();
    const claims = this.#verify(token).then((claims) => {
      remember(this.#recent, digest, { claims, at: at() });
      return claims;
    }, (error) => {
      // Keys that are not known yet may be a moment later.
      if (error.reason !== "unavailable") remember(this.#refused, digest, { error, at: at() });
      throw error;
    }).finally(() => this.#pending.delete(digest));
    this.#pending.set(digest, { claims, block });
    return claims;
  }

  /** Whose tokens are as many as are verified at one time; `undefined` when another one may be. */
  #excess(block: string): string | undefined {
    const { total, perBlock } = MAX_PENDING;
    if (this.#pending.size >= total) return "";
    let ofBlock = 0;
    for (const pending of this.#pending.values()) if (pending.block === block) ofBlock++;
    return ofBlock >= perBlock ? "of this address " : undefined;
  }

  async #verify(token: string): Promise<JwtClaims> {
    const { rules, keys, clock } = this.#options;
    const { issuer, audience, algorithms, clockToleranceMs, roleClaim } = rules;
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: [...algorithms],
        issuer,
        audience,
        clockTolerance: clockToleranceMs / 1_000,
        currentDate: new Date(clock.now()),
        requiredClaims: ["exp", "sub"],
      });
      const { sub: subject = "", exp = 0 } = payload;
      if (typeof subject !== "string") throw new errors.JWTInvalid("sub is no text");
      const role = roleClaim === undefined ? undefined : payload[roleClaim];
      return { subject, role, expiresAt: exp * 1_000 + clockToleranceMs };
    } catch (error) {
      if (error instanceof Unauthenticated) throw error;
      if (error instanceof errors.JWTExpired) {
        throw new Unauthenticated("expired", "The bearer token has expired; request a new one");
      }
      throw new Unauthenticated("invalid", "The bearer token is not valid");
    }
  }
}

/** Remembers what a token was found to be; the oldest one is forgotten for it. */
function remember<T>(known: Map<string, T>, digest: string, found: T): void {
  known.delete(digest);
  known.set(digest, found);
  if (known.size <= MAX_RECENT) return;
  const [oldest = ""] = known.keys();
  known.delete(oldest);
}

/** Makes a verifier with the keys of the issuer, which it begins to load. */
export function openVerifier(
  rules: JwtRules,
  deps: Omit<IssuerKeysOptions, "url">,
): JoseVerifier {
  const keys = new IssuerKeys({ ...deps, url: rules.jwksUrl });
  void keys.prepare();
  return new JoseVerifier({ ...deps, rules, keys: keys.get });
}

function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}
