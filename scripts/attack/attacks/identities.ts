/**
 * Attacks on authentication: wrong, oversized, forged and expired tokens, and an identity that
 * requests what it is not granted.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { exportJWK, exportSPKI, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import { pause } from "../../../bench/rig.ts";
import { type Call, texts } from "../../rig/messages.ts";
import type { RawConnection } from "../../rig/raw_connection.ts";
import { CLAIMS, GRANTED_SYMBOL, LIMITED_TOKEN } from "../policy.ts";
import { type Attack, connections, during, type Outcome, sum, type Target } from "./attack.ts";

/** Length of an attack, in ms. */
const DURATION_MS = 10_000;
const CONNECTIONS = 10;
/** Calls of a connection between two pauses. */
const CALLS = 20;

/** Sends calls on several connections until the time is over; none may be accepted. */
async function refuseAll(
  target: Target,
  callOf: (index: number) => Call,
): Promise<Outcome> {
  const all = await connections(target, CONNECTIONS);
  let calls = 0;
  await during(DURATION_MS * target.scale, async () => {
    for (const connection of all) {
      for (let i = 0; i < CALLS && !connection.closed; i++) connection.call(callOf(calls++));
    }
    await pause(20);
    return all.some(({ closed }) => !closed);
  });
  await pause(500);
  const accepted = sum(all, (connection: RawConnection) => connection.accepted);
  return {
    about: `${calls} calls, ${accepted} accepted, ${sum(all, ({ ended }) => ended)} refused`,
    problems: accepted > 0 ? [`${accepted} calls without access were accepted`] : [],
  };
}

/** Calls with these tokens in turn; an `undefined` one is none. */
function withTokens(target: Target, tokens: readonly (string | undefined)[]): Promise<Outcome> {
  const message = texts(1, [GRANTED_SYMBOL]);
  return refuseAll(target, (index) => {
    const token = tokens[index % tokens.length];
    return {
      method: "StreamQuotes",
      message,
      ...(token !== undefined && { metadata: [["authorization", `Bearer ${token}`]] }),
    };
  });
}

/** A part of a JWT. */
function part(value: object): string {
  return new TextEncoder().encode(JSON.stringify(value))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

/** The claims of a token that would be valid, if an issuer had signed it. */
function validClaims(): Readonly<Record<string, string | number>> {
  return { ...CLAIMS, exp: Math.floor(Date.now() / 1_000) + 600 };
}

/** Calls without a token, and with tokens that are unknown or signed by another issuer. */
export const wrongTokens: Attack = async (target) => {
  const { privateKey } = await generateKeyPair("RS256");
  const signed = (kid: string) =>
    new SignJWT(validClaims()).setProtectedHeader({ alg: "RS256", kid }).sign(privateKey);
  return await withTokens(target, [
    undefined,
    "x",
    `asp_${"2".repeat(43)}`,
    await signed("key"),
    await signed("unknown"),
    await signed("../key"),
  ]);
};

/** Calls with tokens above the limit, random text and JWTs. */
export const oversizedTokens: Attack = (target) => {
  const claims = part({ ...validClaims(), padding: "p".repeat(7_000) });
  const tokens = Array.from({ length: 20 }, (_, i) => `${i}`.repeat(9_000).slice(0, 8_193 + i));
  return withTokens(target, [...tokens, `${part({ alg: "RS256", kid: "key" })}.${claims}.AAAA`]);
};

/**
 * Calls with JWTs that confuse the algorithm: none, the public key as a shared secret, and a key
 * that is in the token.
 */
export const forgedTokens: Attack = async (target) => {
  const { keys: [key] }: { readonly keys: readonly JWK[] } = await fetch(target.jwksUrl ?? "")
    .then((response) => response.json());
  const issued = await importJWK(key as JWK, "RS256", { extractable: true });
  const pem = await exportSPKI(issued as Parameters<typeof exportSPKI>[0]);
  const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
  const claims = validClaims();
  const shared = (alg: string, secret: string) => {
    const text = `${part({ alg, kid: "key" })}.${part(claims)}`;
    return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
  };
  const withHeader = (header: object) =>
    new SignJWT(claims).setProtectedHeader({ alg: "RS256", ...header }).sign(privateKey);
  return await withTokens(target, [
    `${part({ alg: "none" })}.${part(claims)}.`,
    `${part({ alg: "nOnE", kid: "key" })}.${part(claims)}.AAAA`,
    shared("HS256", pem),
    shared("HS256", key?.n ?? ""),
    shared("RS256", pem),
    await withHeader({ jwk: await exportJWK(publicKey) }),
    await withHeader({ kid: "key", jku: "https://attacker.example/keys" }),
  ]);
};

/** Calls with JWTs that the issuer has signed, but expired ones, and such for others. */
export const expiredTokens: Attack = async (target) => {
  const tokens: readonly string[] = await fetch(`${target.jwksUrl}/refused`)
    .then((response) => response.json());
  return await withTokens(target, tokens);
};

/** Calls of an identity for what it is not granted. */
export const denied: Attack = (target) => {
  const metadata = [["authorization", `Bearer ${LIMITED_TOKEN}`]] as const;
  const requests: readonly Omit<Call, "metadata">[] = [
    { method: "StreamQuotes", message: texts(1, [GRANTED_SYMBOL, "MSFT"]) },
    { method: "StreamQuotes", message: texts(1, []) },
    { method: "StreamTrades", message: texts(1, [GRANTED_SYMBOL]) },
    { method: "StreamOrderUpdates", message: texts(1, []) },
    { method: "GetConnectionStatus", message: texts(1, []) },
  ];
  return refuseAll(target, (index) => ({
    ...requests[index % requests.length] as Call,
    metadata,
  }));
};
