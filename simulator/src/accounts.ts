/**
 * Accounts, their plans and their credentials.
 *
 * @module
 */
import type { EndpointName } from "./protocol/endpoints.ts";

/** Plans an account may be on; the limits are in `PLANS`. */
export type PlanName =
  | "basic"
  | "plus"
  | "broker_standard"
  | "broker_plus_10000";

/** One account that may log in. */
export interface Account {
  /** API key id. */
  readonly key: string;
  /** API secret. */
  readonly secret: string;
  /** Decides feeds and limits. */
  readonly plan: PlanName;
  /** OAuth or AuthX token, accepted instead of the key pair. */
  readonly token?: string;
}

/** What an account's plan allows. */
export interface Plan {
  /** Streams the plan covers; a login to others is rejected with 409. */
  readonly feeds: ReadonlySet<EndpointName>;
  /** Stock subscriptions that count; Infinity for no limit. */
  readonly stockSymbols: number;
  /** Option quote subscriptions. */
  readonly optionQuotes: number;
  /** Authenticated sessions per endpoint. */
  readonly connections: number;
  /** Market-data REST requests per minute. */
  readonly dataRequestsPerMinute: number;
}

/** Streams that every plan covers. */
const FREE: readonly EndpointName[] = ["test", "crypto/us", "crypto/us-1", "crypto/eu-1", "news"];

const BASIC: Plan = {
  feeds: new Set<EndpointName>(["iex", "indicative", ...FREE]),
  stockSymbols: 30,
  optionQuotes: 200,
  connections: 1,
  dataRequestsPerMinute: 200,
};

const PLUS: Plan = {
  feeds: new Set<EndpointName>([
    "sip",
    "iex",
    "delayed_sip",
    "boats",
    "overnight",
    "opra",
    "indicative",
    ...FREE,
  ]),
  stockSymbols: Infinity,
  optionQuotes: 1000,
  connections: 1,
  dataRequestsPerMinute: 10_000,
};

/** The limits of every plan, from Alpaca's "About Market Data API". */
export const PLANS: Readonly<Record<PlanName, Plan>> = {
  basic: BASIC,
  plus: PLUS,
  broker_standard: { ...PLUS, connections: 5, dataRequestsPerMinute: 1000 },
  broker_plus_10000: { ...PLUS, connections: 10 },
};

/** Upgrade headers in lower case, as node:http provides them. */
export type UpgradeHeaders = Readonly<
  Record<string, string | string[] | undefined>
>;

/** Values of the key id that mark the secret as a token. */
const TOKEN_KEYS: ReadonlySet<unknown> = new Set(["oauth", "access_token"]);

/**
 * The account of a login message: a key pair, or `oauth` or `access_token` as
 * the key and a token as the secret. Undefined for wrong credentials.
 */
export function findAccount(
  accounts: readonly Account[],
  { key, secret }: { key?: unknown; secret?: unknown },
): Account | undefined {
  if (TOKEN_KEYS.has(key)) return findByToken(accounts, secret);
  return accounts.find((known) => known.key === key && known.secret === secret);
}

/** The account of an OAuth or AuthX token; undefined for an unknown one. */
export function findByToken(
  accounts: readonly Account[],
  token: unknown,
): Account | undefined {
  if (typeof token !== "string" || token === "") return undefined;
  return accounts.find((known) => known.token === token);
}

/** Whether an upgrade request contains credentials, right or wrong. */
export function hasCredentials(headers: UpgradeHeaders): boolean {
  return headers["apca-api-key-id"] !== undefined ||
    headers["authorization"] !== undefined;
}

/**
 * The account of request headers: `APCA-API-KEY-ID` with
 * `APCA-API-SECRET-KEY`, `Authorization: Bearer token`, or
 * `Authorization: Basic base64(key:secret)`.
 */
export function findAccountByHeaders(
  accounts: readonly Account[],
  headers: UpgradeHeaders,
): Account | undefined {
  const authorization = headers["authorization"];
  if (typeof authorization !== "string") {
    return findAccount(accounts, {
      key: headers["apca-api-key-id"],
      secret: headers["apca-api-secret-key"],
    });
  }
  const [scheme = "", value = ""] = authorization.split(" ");
  if (scheme.toLowerCase() === "bearer") return findByToken(accounts, value);
  return scheme.toLowerCase() === "basic" ? findAccount(accounts, basicPair(value)) : undefined;
}

function basicPair(encoded: string): { key?: string; secret?: string } {
  try {
    const [key = "", ...secret] = atob(encoded).split(":");
    return { key, secret: secret.join(":") };
  } catch (error) {
    // Invalid base64 counts as a wrong key.
    if (error instanceof DOMException) return {};
    throw error;
  }
}
