import { type EndpointName, ENDPOINTS } from "../protocol/endpoints.ts";
import { MarketHistory } from "./market_history.ts";

/** Elements of a kind that all symbols of a feed together may leave behind. */
const PER_FEED = 100_000;
const PER_SYMBOL = 1_000;

/**
 * An empty history for every stock feed. Without `perSymbol` each symbol keeps
 * up to 1000 elements of a kind, and less where there are many symbols; 0
 * keeps none, and there are no histories.
 */
export function feedHistories(
  universeSize: number,
  perSymbol?: number,
): ReadonlyMap<EndpointName, MarketHistory> {
  const room = Math.floor(PER_FEED / universeSize);
  const kept = perSymbol ?? Math.max(1, Math.min(PER_SYMBOL, room));
  if (kept === 0) return new Map();
  return new Map(
    ENDPOINTS.filter(({ kind }) => kind === "stocks")
      .map(({ name }) => [name, new MarketHistory(kept)]),
  );
}
