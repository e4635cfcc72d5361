/**
 * Submits seeded random orders at a rate, for demos and load tests. The mix
 * contains every usual outcome: complete and partial fills, cancels,
 * replacements, rejections, expirations, brackets and multi-leg option orders.
 *
 * Bounded: at `maxOpenOrders` open orders it only cancels.
 *
 * @module
 */
import type { Clock, Timer } from "../clock.ts";
import type { PriceSource } from "../market/prices.ts";
import type { SeededRandom } from "../random.ts";
import type { OrderEngine } from "./order_engine.ts";
import type { OrderJson } from "./order_json.ts";
import { OrderRejection } from "./order_request.ts";

/** Settings of an auto trader. */
export interface AutoTraderOptions {
  /** Orders per second, above 0 and at most 1000. Default 1. */
  readonly ordersPerSecond?: number;
  /** Symbols to trade; default the first five stocks of the market. */
  readonly symbols?: readonly string[];
  /** Number of open orders at which it only cancels. Default 100. */
  readonly maxOpenOrders?: number;
}

/** What an auto trader needs. */
interface AutoTraderDependencies {
  readonly engine: OrderEngine;
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly prices: PriceSource;
}

const FOLLOW_UP_DELAY_MS = 1_500;

/** Submits random orders from construction until disposed. */
export class AutoTrader implements Disposable {
  readonly #deps: AutoTraderDependencies;
  readonly #intervalMs: number;
  readonly #symbols: readonly string[];
  readonly #maxOpen: number;
  readonly #timers = new Set<Timer>();
  #submitted = 0;

  /** Starts; throws a RangeError for a rate out of range. */
  constructor(deps: AutoTraderDependencies, options: AutoTraderOptions = {}) {
    const { ordersPerSecond = 1, maxOpenOrders = 100 } = options;
    if (!(ordersPerSecond > 0 && ordersPerSecond <= 1_000)) {
      throw new RangeError(
        `ordersPerSecond must be above 0 and at most 1000, received ${ordersPerSecond}`,
      );
    }
    this.#deps = deps;
    this.#intervalMs = 1_000 / ordersPerSecond;
    this.#symbols = options.symbols ??
      deps.prices.stockSymbols().slice(0, 5);
    if (this.#symbols.length === 0) {
      throw new RangeError("symbols is empty");
    }
    this.#maxOpen = maxOpenOrders;
    this.#later(this.#intervalMs, () => this.#trade());
  }

  /** Number of accepted orders. */
  get submitted(): number {
    return this.#submitted;
  }

  /** Stops; open orders stay open. */
  [Symbol.dispose](): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #trade(): void {
    this.#later(this.#intervalMs, () => this.#trade());
    const { engine, random, prices } = this.#deps;
    if (engine.openCount >= this.#maxOpen) {
      engine.cancelAll();
      return;
    }
    const symbol = random.pick(this.#symbols);
    const plan = planOrder({
      random,
      prices,
      symbol,
      position: engine.position(symbol).toNumber(),
    });
    const order = plan && this.#attempt(() => engine.submit(plan.body));
    if (plan === undefined || order === undefined) return;
    this.#submitted++;
    if (plan.next === "reject") engine.manualFills.reject(order.id);
    else if (plan.next !== undefined) {
      this.#later(FOLLOW_UP_DELAY_MS, () => this.#followUp(plan, order));
    }
  }

  #followUp(plan: TradePlan, order: OrderJson): void {
    const { engine } = this.#deps;
    switch (plan.next) {
      case "cancel":
        this.#attempt(() => engine.cancel(order.id));
        break;
      case "expire":
        engine.manualFills.expire(order.id);
        break;
      case "replace":
        this.#attempt(() => engine.replace(order.id, plan.changes ?? {}));
        break;
    }
  }

  /** Ignores rejections; other errors are bugs of the simulator. */
  #attempt<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof OrderRejection)) throw error;
      return undefined;
    }
  }

  #later(delayMs: number, action: () => void): void {
    const timer = this.#deps.clock.setTimer(delayMs, () => {
      this.#timers.delete(timer);
      action();
    });
    this.#timers.add(timer);
  }
}

/** A request for `OrderEngine.submit` and what happens to the order later. */
interface TradePlan {
  readonly body: Readonly<Record<string, unknown>>;
  readonly next?: "cancel" | "replace" | "reject" | "expire";
  /** Body of the replacement. */
  readonly changes?: Readonly<Record<string, unknown>>;
}

/** Inputs of a plan. */
interface PlanContext {
  readonly random: SeededRandom;
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

const MIX: readonly (readonly [
  weight: number,
  planner: (terms: Terms) => TradePlan,
])[] = [
  [30, (terms) => ({ body: marketOrder(terms) })],
  [25, (terms) => ({ body: limitOrder(terms, 1) })],
  [12, (terms) => ({ body: limitOrder(terms, -5), next: "cancel" })],
  [9, (terms) => ({
    body: limitOrder(terms, -5),
    next: "replace",
    changes: { limit_price: limit(terms, 1) },
  })],
  [5, (terms) => ({ body: marketOrder(terms), next: "reject" })],
  [5, (terms) => ({ body: limitOrder(terms, -8), next: "expire" })],
  [5, (terms) => ({ body: immediateOrder(terms) })],
  [4, (terms) => ({ body: bracketOrder(terms) })],
  [5, (terms) => ({ body: multiLegOrder(terms) })],
];
const TOTAL_WEIGHT = MIX.reduce((sum, [weight]) => sum + weight, 0);
const LARGEST_POSITION = 500;
/** Distance of strikes from the price; those farther away rarely fill. */
const NEAR_MONEY = 0.03;

/** Picks a plan at random; undefined for a symbol without a price. */
function planOrder(context: PlanContext): TradePlan | undefined {
  const { random, prices, symbol, position } = context;
  const price = prices.lastPrice(symbol);
  if (price === undefined) return undefined;
  const isLarge = Math.abs(position) > LARGEST_POSITION;
  const side = isLarge ? position > 0 ? "sell" : "buy" : random.pick(["buy", "sell"] as const);
  const qty = String(1 + random.below(100));
  let pick = random.below(TOTAL_WEIGHT);
  for (const [weight, planner] of MIX) {
    pick -= weight;
    if (pick < 0) return planner({ ...context, side, price, qty });
  }
  return undefined;
}

/** A limit price relative to the last price, in percent towards a fill. */
function limit({ price, side }: Terms, percentInto: number): string {
  const direction = side === "buy" ? 1 : -1;
  const value = price * (1 + direction * percentInto / 100);
  return value.toFixed(value >= 1 ? 2 : 4);
}

function marketOrder({ symbol, side, qty }: Terms) {
  return { symbol, side, qty, time_in_force: "day", type: "market" };
}

function limitOrder(terms: Terms, percentInto: number) {
  return {
    ...marketOrder(terms),
    type: "limit",
    limit_price: limit(terms, percentInto),
  };
}

function immediateOrder(terms: Terms) {
  const timeInForce = terms.random.pick(["ioc", "fok"] as const);
  const percentInto = terms.random.pick([0.5, -1]);
  return { ...limitOrder(terms, percentInto), time_in_force: timeInForce };
}

function bracketOrder(terms: Terms) {
  return {
    ...marketOrder(terms),
    order_class: "bracket",
    take_profit: { limit_price: limit(terms, 0.3) },
    stop_loss: { stop_price: limit(terms, -0.3) },
  };
}

/** Two contracts of one expiration: one bought, one sold. */
function multiLegOrder(terms: Terms) {
  const contracts = terms.prices.optionContracts(terms.symbol)
    .filter(({ strike }) => Math.abs(strike / terms.price - 1) < NEAR_MONEY);
  const first = contracts[terms.random.below(Math.max(1, contracts.length))];
  if (first === undefined) return marketOrder(terms);
  const second = contracts.find((other) =>
    other.symbol !== first.symbol && other.type === first.type &&
    other.expiration === first.expiration
  );
  if (second === undefined) return marketOrder(terms);
  return {
    order_class: "mleg",
    type: "market",
    time_in_force: "day",
    qty: String(1 + terms.random.below(5)),
    legs: [
      { symbol: first.symbol, ratio_qty: "1", side: "buy" },
      { symbol: second.symbol, ratio_qty: "1", side: "sell" },
    ],
  };
}
