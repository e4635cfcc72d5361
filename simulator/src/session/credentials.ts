import type { Account } from "../ports.ts";

/** Upgrade headers in lower case, as node:http gives them. */
export type UpgradeHeaders = Readonly<
  Record<string, string | string[] | undefined>
>;

/** Words that stand in for a key id when the secret is a token. */
const TOKEN_KEYS: ReadonlySet<unknown> = new Set(["oauth", "access_token"]);

/**
 * The account a login message names: a key pair, or one of the words `oauth`
 * and `access_token` with a token as the secret. Undefined for anything else.
 */
export function findAccount(
  accounts: readonly Account[],
  { key, secret }: { key?: unknown; secret?: unknown },
): Account | undefined {
  if (TOKEN_KEYS.has(key)) return accountOfToken(accounts, secret);
  return accounts.find((known) => known.key === key && known.secret === secret);
}

/** Whether the upgrade request tried to log in by headers at all. */
export function hasCredentials(headers: UpgradeHeaders): boolean {
  return headers["apca-api-key-id"] !== undefined ||
    headers["authorization"] !== undefined;
}

/**
 * The account that upgrade headers name: `APCA-API-KEY-ID` with
 * `APCA-API-SECRET-KEY`, `Authorization: Bearer token`, or
 * `Authorization: Basic base64(key:secret)`.
 */
export function findAccountByHeaders(
  accounts: readonly Account[],
  headers: UpgradeHeaders,
): Account | undefined {
  const authorization = headers["authorization"];
  if (typeof authorization !== "string") {
    const key = headers["apca-api-key-id"];
    return findAccount(accounts, {
      key,
      secret: headers["apca-api-secret-key"],
    });
  }
  const [scheme = "", value = ""] = authorization.split(" ");
  if (scheme.toLowerCase() === "bearer") return accountOfToken(accounts, value);
  return scheme.toLowerCase() === "basic"
    ? findAccount(accounts, basicPair(value))
    : undefined;
}

function accountOfToken(accounts: readonly Account[], token: unknown) {
  if (typeof token !== "string" || token === "") return undefined;
  return accounts.find((known) => known.token === token);
}

function basicPair(encoded: string): { key?: string; secret?: string } {
  try {
    const [key = "", ...secret] = atob(encoded).split(":");
    return { key, secret: secret.join(":") };
  } catch (error) {
    // Not base64: the same as a wrong key.
    if (error instanceof DOMException) return {};
    throw error;
  }
}
