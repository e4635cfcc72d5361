/**
 * Decides in which session of its market a feed is, and whether silence can then be judged.
 *
 * @module
 */
import { delayOf, type MarketCalendar, marketOf } from "../calendar/market_calendar.ts";
import type { FeedKind } from "../connection/feed.ts";

/** The sessions whose rates of messages are learned apart; `always` follows no market's hours. */
export type SessionName =
  | "premarket"
  | "regular"
  | "postmarket"
  | "overnight"
  | "options"
  | "always";

/** The session that a feed's data belongs to. */
export interface DataSession {
  readonly name: SessionName;
  /** Whether silence can be judged. */
  readonly isExpected: boolean;
}

/**
 * Returns the session of a feed at an instant; `undefined` when no session of its market is open.
 *
 * - Stock feeds have three sessions a day, `delayed_sip` 15 minutes later.
 * - `boats` and `overnight` have the overnight session, option feeds the regular one. Of feeds that
 *   delay only trades (`overnight`, `indicative`) nothing is expected in the first 15 minutes.
 * - The test stream is always open. Trade updates are too, and are never expected.
 *
 * @param ms wall clock ms
 */
export function dataSessionAt(
  calendar: MarketCalendar,
  kind: FeedKind,
  ms: number,
): DataSession | undefined {
  const market = marketOf(kind);
  if (market === undefined) return { name: "always", isExpected: kind === "test" };
  const then = ms - delayOf(kind);
  if (market === "regular") {
    const name = calendar.sessionAt(then);
    return name === "closed" || name === "overnight" ? undefined : { name, isExpected: true };
  }
  if (!calendar.isOpen(market, ms)) return undefined;
  const name = market === "overnight" ? "overnight" : "options";
  return { name, isExpected: calendar.isOpen(market, then) };
}
