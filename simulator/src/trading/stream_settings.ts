/**
 * What the trading stream does where Alpaca's documents are silent.
 *
 * @module
 */

/** Settings of the trading stream. */
export interface TradingStreamOptions {
  /** Authenticated sessions an account may have; 0 is unlimited. Default 1. */
  readonly tradingSessionLimit?: number;
  /**
   * What a session beyond the limit meets: `unauthorized` at its login,
   * HTTP 429 at its upgrade, or the oldest session is closed for it.
   * Default `unauthorized`.
   */
  readonly overLimit?: "unauthorized" | "http_429" | "close_oldest";
  /** How long an uncleanly lost session still counts. Default 0 ms. */
  readonly ghostSessionMs?: number;
  /** Time to log in; 0 is for ever. Default 10 000 ms. */
  readonly authTimeoutMs?: number;
  /** Whether a refused login closes the socket. Default false. */
  readonly closeUnauthorized?: boolean;
  /** The `action` in the reply to the `auth` form. Default `authenticate`. */
  readonly authReplyAction?: "auth" | "authenticate";
}

/** The options with nothing left open. */
export type StreamSettings = Required<TradingStreamOptions>;
