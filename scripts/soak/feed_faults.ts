/**
 * Faults of the feeds, for the simulator's control API.
 *
 * @module
 */
import type { Random } from "../rig/random.ts";

/** A request to the control API. */
interface FeedFault {
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
}

const MARKET = ["sip", "opra"] as const;
const ALL = [...MARKET, "trading"] as const;

/** Picks the faults to inject next, in this order. */
export function nextFaults(
  random: Random,
  stocks: readonly string[],
): readonly FeedFault[] {
  const endpoint = random.pick(ALL);
  const market = random.pick(MARKET);
  const symbol = random.pick(stocks);
  const drop = {
    name: "drop",
    body: { endpoint, clean: random.below(2) === 0 },
  };
  return random.pick<readonly FeedFault[]>([
    [drop],
    [
      { name: "reject-upgrades", body: { endpoint, status: 502, count: 2 } },
      drop,
    ],
    [{ name: "malformed", body: { endpoint: market, symbol } }],
    [{ name: "unknown-type", body: { endpoint: market, symbol } }],
    [{ name: "mixed-frame", body: { endpoint: "sip", symbol, count: 1_000 } }],
    [{ name: "lose-ack", body: { endpoint: market } }],
    [{ name: "duplicate-ack", body: { endpoint: market } }],
    [{
      name: "fail-next",
      body: { endpoint: market, action: "subscribe", code: 400 },
    }],
    [{ name: "late-trades", body: { count: 5 } }],
    [{ name: "correct-trades", body: { count: 5 } }],
    [{ name: "copy-orders", body: { copies: 2, count: 5 } }],
  ]);
}
