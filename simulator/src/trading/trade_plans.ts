/**
 * The auto trader's ideas: one random order request and what is to become of
 * it, drawn from a weighted mix.
 *
 * @module
 */
import type { PriceSource, SimulatorRandom } from "../ports.ts";

/** A request for `OrderEngine.submit` and what happens to the order later. */
export interface TradePlan {
  readonly body: Readonly<Record<string, unknown>>;
  readonly sequel?: "cancel" | "replace" | "reject" | "expire";
  /** Body of the replacement. */
  readonly changes?: Readonly<Record<string, unknown>>;
}

/** What a plan is made from. */
export interface PlanContext {
  readonly random: SimulatorRandom;
  readonly prices: PriceSource;
  readonly symbol: string;
  /** Signed position in the symbol. */
  readonly position: number;
}

interface Terms extends PlanContext {
  readonly side: "buy" | "sell";
  readonly price: number;
  readonly qty: string;
}

type Planner = (terms: Terms) => TradePlan | undefined;

const MIX: readonly (readonly [weight: number, planner: Planner])[] = [
  [30, planMarket],
  [25, planMarketableLimit],
  [12, planCancel],
  [9, planReplace],
  [5, planReject],
  [5, planExpire],
  [5, planImmediate],
  [4, planBracket],
  [5, planStrategy],
];
const TOTAL_WEIGHT = MIX.reduce((sum, [weight]) => sum + weight, 0);
const LARGEST_POSITION = 500;
/** Strikes within this share of the price; those farther out hardly trade. */
const NEAR_MONEY = 0.03;

/** Draws a plan; undefined when the market gives nothing to plan with. */
export function planOrder(context: PlanContext): TradePlan | undefined {
  const { random, prices, symbol, position } = context;
  const price = prices.lastPrice(symbol);
  if (price === undefined) return undefined;
  const crowded = Math.abs(position) > LARGEST_POSITION;
  const side = crowded
    ? position > 0 ? "sell" : "buy"
    : random.pick(["buy", "sell"] as const);
  const qty = String(1 + random.below(100));
  let ticket = random.below(TOTAL_WEIGHT);
  for (const [weight, planner] of MIX) {
    ticket -= weight;
    if (ticket < 0) return planner({ ...context, side, price, qty });
  }
  return undefined;
}

function base({ symbol, side, qty }: Terms) {
  return { symbol, side, qty, time_in_force: "day" };
}

/** A limit so far from or so deep into the market, in percent. */
function limit({ price, side }: Terms, percentInto: number): string {
  const direction = side === "buy" ? 1 : -1;
  const value = price * (1 + direction * percentInto / 100);
  return value.toFixed(value >= 1 ? 2 : 4);
}

function planMarket(terms: Terms): TradePlan {
  return { body: { ...base(terms), type: "market" } };
}

function planMarketableLimit(terms: Terms): TradePlan {
  return {
    body: { ...base(terms), type: "limit", limit_price: limit(terms, 1) },
  };
}

function planCancel(terms: Terms): TradePlan {
  return {
    body: { ...base(terms), type: "limit", limit_price: limit(terms, -5) },
    sequel: "cancel",
  };
}

function planReplace(terms: Terms): TradePlan {
  return {
    body: { ...base(terms), type: "limit", limit_price: limit(terms, -5) },
    sequel: "replace",
    changes: { limit_price: limit(terms, 1) },
  };
}

function planReject(terms: Terms): TradePlan {
  return { body: { ...base(terms), type: "market" }, sequel: "reject" };
}

function planExpire(terms: Terms): TradePlan {
  return {
    body: { ...base(terms), type: "limit", limit_price: limit(terms, -8) },
    sequel: "expire",
  };
}

function planImmediate(terms: Terms): TradePlan {
  return {
    body: {
      ...base(terms),
      type: "limit",
      time_in_force: terms.random.pick(["ioc", "fok"] as const),
      limit_price: limit(terms, terms.random.pick([0.5, -1])),
    },
  };
}

function planBracket(terms: Terms): TradePlan {
  return {
    body: {
      ...base(terms),
      type: "market",
      order_class: "bracket",
      take_profit: { limit_price: limit(terms, 0.3) },
      stop_loss: { stop_price: limit(terms, -0.3) },
    },
  };
}

/** Two neighbouring contracts of one expiry: one bought, one sold. */
function planStrategy(terms: Terms): TradePlan | undefined {
  const contracts = terms.prices.optionContracts(terms.symbol)
    .filter(({ strike }) => Math.abs(strike / terms.price - 1) < NEAR_MONEY);
  const first = contracts[terms.random.below(Math.max(1, contracts.length))];
  if (first === undefined) return planMarket(terms);
  const second = contracts.find((other) =>
    other.symbol !== first.symbol && other.type === first.type &&
    other.expiration === first.expiration
  );
  if (second === undefined) return planMarket(terms);
  return {
    body: {
      order_class: "mleg",
      type: "market",
      time_in_force: "day",
      qty: String(1 + terms.random.below(5)),
      legs: [
        { symbol: first.symbol, ratio_qty: "1", side: "buy" },
        { symbol: second.symbol, ratio_qty: "1", side: "sell" },
      ],
    },
  };
}
