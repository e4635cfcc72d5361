import type { MarketSession } from "./session/market_session.ts";

/** One session as `sessions()` shows it. */
export interface SessionInfo {
  /** Number of the connection. */
  readonly connection: number;
  /** Market endpoint or `trading`. */
  readonly endpoint: string;
  /** `ghost`: died unclean and still holds its place. */
  readonly state: "connected" | "authenticated" | "ghost";
  /** Key id of the account, once logged in. */
  readonly account: string | undefined;
  /** Encoding of its frames. */
  readonly encoding: "json" | "msgpack" | undefined;
  /** Symbols by channel; empty on the trading stream. */
  readonly subscriptions: Readonly<Record<string, readonly string[]>>;
  /** Bytes that wait because the client is slow. */
  readonly pendingBytes: number;
}

/** What is known of a market session. */
export function sessionInfo(session: MarketSession): SessionInfo {
  const account = session.account?.key;
  return {
    connection: session.number,
    endpoint: session.endpoint.name,
    state: account === undefined ? "connected" : "authenticated",
    account,
    encoding: session.encoding,
    subscriptions: session.subscriptions,
    pendingBytes: session.pendingBytes,
  };
}

/** What is known of a connection to the trading stream. */
export function tradingInfo(connection: number, endpoint: string): SessionInfo {
  return {
    connection,
    endpoint,
    state: "connected",
    account: undefined,
    encoding: undefined,
    subscriptions: {},
    pendingBytes: 0,
  };
}
