/**
 * Orders and trade updates: one order engine per account, one stream for all,
 * and an optional auto trader.
 *
 * @module
 */
import type { Account } from "../accounts.ts";
import type { Clock } from "../clock.ts";
import type { TradingFaults } from "../faults.ts";
import type { PriceSource } from "../market/prices.ts";
import type { SeededRandom } from "../random.ts";
import { AutoTrader, type AutoTraderOptions } from "./auto_trader.ts";
import { type EngineOptions, OrderEngine } from "./order_engine.ts";
import { OrderLedger } from "./order_ledger.ts";
import { type TradingFrames, TradingStream, type TradingStreamOptions } from "./trading_stream.ts";

/** Settings of orders and of the trading stream. */
export interface TradingOptions {
  /** Behaviour of orders. */
  readonly engine?: EngineOptions;
  /** Behaviour of the stream's sessions. */
  readonly stream?: TradingStreamOptions;
  /** Trades on the first account if given. Default: no auto trader. */
  readonly autoTrader?: AutoTraderOptions;
}

/** What orders and trading stream need. */
interface TradingDependencies {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly prices: PriceSource;
  readonly accounts: readonly Account[];
  readonly faults: TradingFaults;
  readonly frames: TradingFrames;
  /** Order events to record; 0 for none. */
  readonly ledgerCapacity?: number;
}

/** Engines, stream and auto trader. */
export class Trading implements Disposable {
  /** The trading stream, `/stream`. */
  readonly stream: TradingStream;
  /** Every order event, with the simulator's option `ledgerCapacity`. */
  readonly ledger: OrderLedger;
  /** The UUID of a symbol, equal in orders and contracts of one seed. */
  readonly assetId: (symbol: string) => string;
  readonly #engines = new Map<string, OrderEngine>();
  readonly #autoTrader: AutoTrader | undefined;

  /** Creates an engine per account; throws a RangeError without accounts. */
  constructor(deps: TradingDependencies, options: TradingOptions = {}) {
    const { clock, random, prices } = deps;
    const [first] = deps.accounts;
    if (first === undefined) throw new RangeError("accounts is empty");
    const ids = random.fork("assets");
    this.assetId = (symbol) => ids.fork(`asset ${symbol}`).uuid();
    this.stream = new TradingStream(deps, options.stream);
    this.ledger = new OrderLedger(clock, deps.ledgerCapacity ?? 0);
    for (const account of deps.accounts) {
      const engine = new OrderEngine({
        clock,
        random: random.fork(`orders of ${account.key}`),
        prices,
        assetId: this.assetId,
      }, options.engine);
      engine.onUpdate((update) => {
        const entry = this.ledger.add(account.key, update);
        const deliveries = this.stream.emitTradeUpdate(update, account.key);
        entry?.deliveries.push(...deliveries);
      });
      this.#engines.set(account.key, engine);
    }
    this.#autoTrader = options.autoTrader && new AutoTrader({
      engine: this.engineOf(first.key),
      clock,
      random: random.fork("auto trader"),
      prices,
    }, options.autoTrader);
  }

  /** The orders of one account; throws a RangeError for an unknown key. */
  engineOf(accountKey: string): OrderEngine {
    const engine = this.#engines.get(accountKey);
    if (engine === undefined) {
      throw new RangeError(`there is no account with key ${accountKey}`);
    }
    return engine;
  }

  /** Stops the auto trader, all engines and all connections. */
  [Symbol.dispose](): void {
    this.#autoTrader?.[Symbol.dispose]();
    for (const engine of this.#engines.values()) engine[Symbol.dispose]();
    this.stream[Symbol.dispose]();
  }
}
