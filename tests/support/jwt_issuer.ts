/**
 * An issuer of JWTs with its keys on a local port.
 *
 * @module
 */
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import type { JwtAlgorithm } from "../../src/domain/access/policy.ts";

/** Claims and headers of a token that differ from valid ones. */
export interface TokenOptions {
  readonly subject?: string;
  readonly issuer?: string;
  readonly audience?: string;
  /** Epoch seconds; `null` for none. */
  readonly expiresAt?: number | null;
  readonly notBefore?: number;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** A key of the issuer. */
export interface IssuerKey {
  readonly kid: string;
  readonly algorithm: JwtAlgorithm;
  readonly privateKey: Awaited<ReturnType<typeof generateKeyPair>>["privateKey"];
  readonly publicJwk: JWK;
}

/** Issuer and audience of valid tokens. */
export const ISSUER = "https://issuer.example";
export const AUDIENCE = "stream-proxy";

/** Serves a key set, and signs tokens. */
export class JwtIssuer implements AsyncDisposable {
  /** What is served; replace it to rotate keys. */
  keys: readonly IssuerKey[];
  /** Serves something else instead of the keys. @default the keys */
  respond: (() => Response | Promise<Response>) | undefined;
  /** Requests for the keys so far. */
  requests = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** Epoch ms at which tokens are issued. */
  readonly #now: () => number;

  private constructor(keys: readonly IssuerKey[], now: () => number) {
    this.keys = keys;
    this.#now = now;
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
      this.requests++;
      return this.respond?.() ?? Response.json({ keys: this.keys.map((key) => key.publicJwk) });
    });
  }

  /** Starts an issuer with one key. */
  static async start(now: () => number, algorithm: JwtAlgorithm = "ES256"): Promise<JwtIssuer> {
    return new JwtIssuer([await JwtIssuer.key("first", algorithm)], now);
  }

  /** Makes a key that is not served. */
  static async key(kid: string, algorithm: JwtAlgorithm): Promise<IssuerKey> {
    const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
    const publicJwk = { ...await exportJWK(publicKey), kid, alg: algorithm, use: "sig" };
    return { kid, algorithm, privateKey, publicJwk };
  }

  /** Address of the key set. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/keys`;
  }

  /** Signs a token that is valid for ten minutes, with the first key by default. */
  sign(options: TokenOptions = {}, key = this.keys[0] as IssuerKey): Promise<string> {
    return signToken(key, options, this.#now());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Signs a token that is valid for ten minutes from `now`, in epoch ms. */
export function signToken(key: IssuerKey, options: TokenOptions, now: number): Promise<string> {
  const issuedAt = Math.floor(now / 1_000);
  const { subject = "alice", issuer = ISSUER, audience = AUDIENCE, claims, header } = options;
  const { expiresAt = issuedAt + 600, notBefore } = options;
  const token = new SignJWT({ ...claims })
    .setProtectedHeader({ alg: key.algorithm, kid: key.kid, ...header })
    .setSubject(subject).setIssuer(issuer).setAudience(audience).setIssuedAt(issuedAt);
  if (expiresAt !== null) token.setExpirationTime(expiresAt);
  if (notBefore !== undefined) token.setNotBefore(notBefore);
  return token.sign(key.privateKey);
}
