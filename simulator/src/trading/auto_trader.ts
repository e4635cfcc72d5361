/**
 * A trader that never sleeps, for demos and load: it submits seeded random
 * orders at a settable rate, with a mix of outcomes that shows every usual
 * life: fills in one or many parts, cancels, replacements, rejections,
 * expiries, brackets and multi-leg option strategies.
 *
 * Bounded: while `maxOpenOrders` are open it only cancels. A refused request
 * is counted and costs nothing else.
 *
 * @module
 */
import type {
  PriceSource,
  SimClock,
  SimTimer,
  SimulatorRandom,
} from "../ports.ts";
import type { OrderEngine } from "./order_engine.ts";
import { OrderRefusal } from "./order_refusal.ts";
import type { WireOrder } from "./order_wire.ts";
import { planOrder, type TradePlan } from "./trade_plans.ts";

/** Settings of an auto trader. */
export interface AutoTraderOptions {
  /** Orders per second, above 0 and at most 1000. Default 1. */
  readonly ordersPerSecond?: number;
  /** Symbols to trade; default the first five stocks of the market. */
  readonly symbols?: readonly string[];
  /** Open orders beyond which it only cancels. Default 100. */
  readonly maxOpenOrders?: number;
}

/** What an auto trader works with. */
export interface AutoTraderParts {
  readonly engine: OrderEngine;
  readonly clock: SimClock;
  readonly random: SimulatorRandom;
  readonly prices: PriceSource;
}

const SEQUEL_DELAY_MS = 1_500;

/** Trades from construction until disposed. */
export class AutoTrader implements Disposable {
  readonly #parts: AutoTraderParts;
  readonly #intervalMs: number;
  readonly #symbols: readonly string[];
  readonly #maxOpen: number;
  readonly #timers = new Set<SimTimer>();
  #submitted = 0;
  #refused = 0;

  /** Starts trading; throws a `RangeError` for a rate out of range. */
  constructor(parts: AutoTraderParts, options: AutoTraderOptions = {}) {
    const { ordersPerSecond = 1, maxOpenOrders = 100 } = options;
    if (!(ordersPerSecond > 0 && ordersPerSecond <= 1_000)) {
      throw new RangeError(
        `Cannot trade ${ordersPerSecond} orders per second: it must be above 0 and at most 1000`,
      );
    }
    this.#parts = parts;
    this.#intervalMs = 1_000 / ordersPerSecond;
    this.#symbols = options.symbols ??
      parts.prices.stockSymbols().slice(0, 5);
    if (this.#symbols.length === 0) {
      throw new RangeError("Cannot trade without symbols: the market is empty");
    }
    this.#maxOpen = maxOpenOrders;
    this.#later(this.#intervalMs, () => this.#trade());
  }

  /** Orders taken in so far. */
  get submitted(): number {
    return this.#submitted;
  }

  /** Requests the exchange turned down so far. */
  get refused(): number {
    return this.#refused;
  }

  /** Stops trading; open orders live on. */
  [Symbol.dispose](): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #trade(): void {
    this.#later(this.#intervalMs, () => this.#trade());
    const { engine, random, prices } = this.#parts;
    if (engine.openCount >= this.#maxOpen) {
      engine.cancelAll();
      return;
    }
    const symbol = random.pick(this.#symbols);
    const plan = planOrder({
      random,
      prices,
      symbol,
      position: Number(
        engine.positions().find((held) => held.symbol === symbol)?.qty ?? 0,
      ),
    });
    const order = plan && this.#attempt(() => engine.submit(plan.body));
    if (plan === undefined || order === undefined) return;
    this.#submitted++;
    if (plan.sequel === "reject") this.#parts.engine.venue.reject(order.id);
    else if (plan.sequel !== undefined) {
      this.#later(SEQUEL_DELAY_MS, () => this.#follow(plan, order));
    }
  }

  #follow(plan: TradePlan, order: WireOrder): void {
    const { engine } = this.#parts;
    switch (plan.sequel) {
      case "cancel":
        this.#attempt(() => engine.cancel(order.id));
        break;
      case "expire":
        engine.venue.expire(order.id);
        break;
      case "replace":
        this.#attempt(() => engine.replace(order.id, plan.changes ?? {}));
        break;
    }
  }

  /** A refusal is part of trading; anything else is a fault of ours. */
  #attempt<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof OrderRefusal)) throw error;
      this.#refused++;
      return undefined;
    }
  }

  #later(delayMs: number, action: () => void): void {
    const timer = this.#parts.clock.setTimer(delayMs, () => {
      this.#timers.delete(timer);
      action();
    });
    this.#timers.add(timer);
  }
}
