/**
 * Attacks on authentication: wrong, oversized and forged tokens, and an identity that requests what
 * it is not granted.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { exportSPKI, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import { pause } from "../../../bench/rig.ts";
import { type Call, texts } from "../../rig/messages.ts";
import type { RawConnection } from "../../rig/raw_connection.ts";
import { AUDIENCE, GRANTED_SYMBOL, ISSUER, LIMITED_TOKEN } from "../policy.ts";
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

/** Tokens that are no token of the policy, by kind. */
async function wrongTokens({ jwksUrl = "" }: Target): Promise<string[]> {
  const { keys: [key] }: { readonly keys: readonly JWK[] } = await fetch(jwksUrl)
    .then((response) => response.json());
  const publicKey = await importJWK(key as JWK, "RS256", { extractable: true });
  const pem = await exportSPKI(publicKey as Parameters<typeof exportSPKI>[0]);
  const { privateKey } = await generateKeyPair("RS256");
  const expiresAt = Math.floor(Date.now() / 1_000) + 600;
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: "mallory", role: "all", exp: expiresAt };
  const part = (value: object) =>
    new TextEncoder().encode(JSON.stringify(value)).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });
  const signed = (header: object, secret: string) => {
    const text = `${part(header)}.${part(claims)}`;
    return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
  };
  const rsa = (kid: string) =>
    new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid }).sign(privateKey);
  return [
    "x",
    `asp_${"2".repeat(43)}`,
    "o".repeat(9_000),
    `${part({ alg: "none" })}.${part(claims)}.`,
    signed({ alg: "HS256", kid: "key" }, pem),
    signed({ alg: "HS256", kid: "key" }, key?.n ?? ""),
    await rsa("key"),
    await rsa("unknown"),
    await rsa("../key"),
  ];
}

/** Calls without a token, and with wrong, oversized and forged ones. */
export const tokens: Attack = async (target) => {
  const wrong = await wrongTokens(target);
  const message = texts(1, [GRANTED_SYMBOL]);
  return await refuseAll(target, (index) => {
    const token = wrong[index % (wrong.length + 1)];
    return {
      method: "StreamQuotes",
      message,
      ...(token !== undefined && { metadata: [["authorization", `Bearer ${token}`]] }),
    };
  });
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
