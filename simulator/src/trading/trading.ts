/**
 * The trading half of the simulator: one order engine per account, one stream
 * for all, and an auto trader where one is wanted.
 *
 * @module
 */
import type { TradingDependencies } from "../ports.ts";
import { AssetIds } from "./asset_ids.ts";
import { AutoTrader, type AutoTraderOptions } from "./auto_trader.ts";
import { CryptoPrices } from "./crypto_prices.ts";
import type { EngineOptions } from "./engine_options.ts";
import { OrderEngine } from "./order_engine.ts";
import type { TradingStreamOptions } from "./stream_settings.ts";
import { TradingStream } from "./trading_stream.ts";

/** Settings of the trading half. */
export interface TradingOptions {
  /** How orders live. */
  readonly engine?: EngineOptions;
  /** How sessions of the stream behave. */
  readonly stream?: TradingStreamOptions;
  /** Trades on the first account when given. Default: nobody trades. */
  readonly autoTrader?: AutoTraderOptions;
}

/** Engines, stream and auto trader, wired to each other. */
export class Trading implements Disposable {
  /** The `/stream` endpoint. */
  readonly stream: TradingStream;
  /** Ids of assets, the same in orders, positions and contracts. */
  readonly assetIds: AssetIds;
  /** The market with currency pairs added. */
  readonly prices: CryptoPrices;
  readonly #engines = new Map<string, OrderEngine>();
  readonly #autoTrader: AutoTrader | undefined;

  /** Makes an engine for every account; throws when there is none. */
  constructor(parts: TradingDependencies, options: TradingOptions = {}) {
    const { clock, random } = parts;
    const [first] = parts.accounts;
    if (first === undefined) {
      throw new RangeError("Cannot trade without an account");
    }
    this.assetIds = new AssetIds(random.fork("assets"));
    this.prices = new CryptoPrices(parts.prices, { clock, random });
    this.stream = new TradingStream(parts, options.stream);
    for (const account of parts.accounts) {
      const engine = new OrderEngine({
        clock,
        random: random.fork(`orders of ${account.key}`),
        prices: this.prices,
        assetIds: this.assetIds,
      }, options.engine);
      engine.onUpdate((update) =>
        this.stream.emitTradeUpdate(update, account.key)
      );
      this.#engines.set(account.key, engine);
    }
    this.#autoTrader = options.autoTrader && new AutoTrader({
      engine: this.engineOf(first.key),
      clock,
      random: random.fork("auto trader"),
      prices: parts.prices,
    }, options.autoTrader);
  }

  /** The orders of one account; throws a `RangeError` for a foreign key. */
  engineOf(accountKey: string): OrderEngine {
    const engine = this.#engines.get(accountKey);
    if (engine === undefined) {
      throw new RangeError(`Cannot find an account with key ${accountKey}`);
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
