/**
 * Notices about an outage that a stream fills.
 *
 * @module
 */
import { type FeedNotice, type Gap, MAX_GAP_SYMBOLS } from "../../domain/market/notices.ts";

/** Most gaps that list the symbols of one outage; more symbols are one gap that lists none. */
const MAX_GAPS = 32;

/** The state of the feed for a stream while its live messages are held back. */
export function filling(now: number): FeedNotice {
  return {
    freshness: "recovering",
    since: now,
    reason: "Fetching what was missed in an outage",
    symbols: [],
  };
}

/**
 * The gaps of symbols that were not filled completely.
 *
 * @param unfilled wall clock ms from which on events can be missing, by symbol
 */
export function gapsOf(unfilled: ReadonlyMap<string, number>, endTime: number): readonly Gap[] {
  const byStart = new Map<number, string[]>();
  for (const [symbol, startTime] of unfilled) {
    const symbols = byStart.get(startTime);
    if (symbols) symbols.push(symbol);
    else byStart.set(startTime, [symbol]);
  }
  const gaps: Gap[] = [];
  for (const [startTime, symbols] of byStart) {
    for (let at = 0; at < symbols.length; at += MAX_GAP_SYMBOLS) {
      gaps.push(upstreamLost(symbols.slice(at, at + MAX_GAP_SYMBOLS), startTime, endTime));
    }
  }
  if (gaps.length <= MAX_GAPS) return gaps;
  return [upstreamLost([], Math.min(...byStart.keys()), endTime)];
}

function upstreamLost(symbols: readonly string[], startTime: number, endTime: number): Gap {
  return {
    reason: "upstream_lost",
    count: 0,
    firstSequence: 0,
    lastSequence: 0,
    symbols,
    startTime,
    endTime,
  };
}
