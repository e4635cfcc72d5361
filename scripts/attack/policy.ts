/**
 * The access policy of rows with identities, and the issuer of its JWTs.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** Token of the reference client, which may do everything. */
export const REFERENCE_TOKEN = `asp_${"0".repeat(43)}`;
/** Token of an identity that may stream the quotes of one symbol. */
export const LIMITED_TOKEN = `asp_${"1".repeat(43)}`;
/** The symbol that it may stream. */
export const GRANTED_SYMBOL = "AAPL";
/** Token of an identity that has limits and exceeds them. */
export const GREEDY_TOKEN = `asp_${"3".repeat(43)}`;
/** Issuer and audience of JWTs. */
export const ISSUER = "https://issuer.example";
export const AUDIENCE = "stream-proxy";

/** Claims of a JWT that the policy would accept, without its expiry. */
export const CLAIMS = { iss: ISSUER, aud: AUDIENCE, sub: "mallory", role: "all" } as const;

/** A running issuer with one key; it signs no token that is valid. */
export interface Issuer extends AsyncDisposable {
  /** Address of the key set; below it `/refused` is a list of tokens. */
  readonly jwksUrl: string;
}

/** Tokens of each kind that an issuer signs. */
const SIGNED_EACH = 50;

/** Tokens with a valid signature that have expired, or are for others, or not valid yet. */
async function refusedTokens(key: Parameters<SignJWT["sign"]>[0]): Promise<string[]> {
  const now = Math.floor(Date.now() / 1_000);
  const wrong: readonly object[] = [
    { exp: now - 600 },
    { exp: now + 600, aud: "another-service" },
    { exp: now + 600, iss: "https://another.example" },
    { exp: now + 600, nbf: now + 500 },
    {}, // never expires
  ];
  return await Promise.all(
    wrong.flatMap((claims) =>
      Array.from(
        { length: SIGNED_EACH },
        (_, jti) =>
          new SignJWT({ ...CLAIMS, jti: String(jti), ...claims })
            .setProtectedHeader({ alg: "RS256", kid: "key" })
            .sign(key),
      )
    ),
  );
}

/** Serves the key set of an issuer on a free port. */
export async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
  const key = { ...await exportJWK(publicKey), kid: "key", alg: "RS256", use: "sig" };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async ({ url }) =>
      Response.json(url.endsWith("/refused") ? await refusedTokens(privateKey) : { keys: [key] }),
  );
  return {
    jwksUrl: `http://127.0.0.1:${server.addr.port}/keys`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** The policy, as `STREAM_PROXY_ACCESS`. */
export function policyText({ jwksUrl }: Issuer): string {
  const identity = (name: string, role: string, token: string) => ({
    name,
    role,
    tokens: [`sha256:${createHash("sha256").update(token).digest("hex")}`],
  });
  return JSON.stringify({
    roles: {
      all: { orders: true, limits: { reservedSlots: { opra: 50 } } },
      greedy: { limits: { streams: 100, maxShare: 0.2 } },
      limited: { symbols: [GRANTED_SYMBOL], rpcs: ["StreamQuotes"] },
    },
    identities: [
      identity("reference", "all", REFERENCE_TOKEN),
      identity("limited", "limited", LIMITED_TOKEN),
      identity("greedy", "greedy", GREEDY_TOKEN),
    ],
    jwt: { jwksUrl, issuer: ISSUER, audience: AUDIENCE, roleClaim: "role" },
  });
}
