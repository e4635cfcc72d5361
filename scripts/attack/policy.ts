/**
 * The access policy of rows with identities, and the issuer of its JWTs.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { exportJWK, generateKeyPair } from "jose";

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

/** A running issuer: one public key; its private key is not kept. */
export interface Issuer extends AsyncDisposable {
  /** Address of the key set. */
  readonly jwksUrl: string;
}

/** Serves the key set of an issuer on a free port. */
export async function startIssuer(): Promise<Issuer> {
  const { publicKey } = await generateKeyPair("RS256", { extractable: true });
  const key = { ...await exportJWK(publicKey), kid: "key", alg: "RS256", use: "sig" };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => Response.json({ keys: [key] }),
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
