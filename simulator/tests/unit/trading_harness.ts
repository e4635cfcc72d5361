import { ManualClock } from "../../src/clock.ts";
import type { TradingFaults } from "../../src/faults.ts";
import type { OptionContract, PriceQuote, PriceSource } from "../../src/market/prices.ts";
import { SeededRandom } from "../../src/random.ts";
import { type EngineOptions, OrderEngine } from "../../src/trading/order_engine.ts";
import type { TradeUpdate } from "../../src/trading/order_json.ts";

/** Monday 2026-09-14, 10:30 in New York. */
export const MONDAY_MORNING = Date.parse("2026-09-14T14:30:00Z");

/** A market whose prices a test sets. */
export class ManualPrices implements PriceSource {
  readonly #quotes = new Map<string, PriceQuote>();
  readonly #last = new Map<string, number>();
  readonly #contracts: readonly OptionContract[];

  constructor(contracts: readonly OptionContract[] = []) {
    this.#contracts = contracts;
  }

  set(symbol: string, bid: number, ask: number, size = 1_000): this {
    this.#quotes.set(symbol, { bid, bidSize: size, ask, askSize: size });
    this.#last.set(symbol, ask);
    return this;
  }

  lastPrice(symbol: string): number | undefined {
    return this.#last.get(symbol);
  }

  quote(symbol: string): PriceQuote | undefined {
    return this.#quotes.get(symbol);
  }

  optionContracts(underlying?: string): readonly OptionContract[] {
    return this.#contracts.filter((contract) =>
      underlying === undefined || contract.underlying === underlying
    );
  }

  optionContract(symbol: string): OptionContract | undefined {
    return this.#contracts.find((contract) => contract.symbol === symbol);
  }

  stockSymbols(): readonly string[] {
    return [...this.#quotes.keys()].filter((symbol) => symbol.length < 6);
  }
}

export function contract(symbol: string, strike: number): OptionContract {
  return {
    symbol,
    root: "SPY",
    underlying: "SPY",
    expiration: "2026-12-18",
    type: "call",
    strike,
    style: "american",
  };
}

export const LOW_CALL = "SPY261218C00650000";
export const HIGH_CALL = "SPY261218C00660000";

/** MSFT 402.00 × 402.10, SPY 650.00 × 650.02, two SPY calls. */
export function manualMarket(): ManualPrices {
  return new ManualPrices([contract(LOW_CALL, 650), contract(HIGH_CALL, 660)])
    .set("MSFT", 402, 402.1)
    .set("SPY", 650, 650.02)
    .set(LOW_CALL, 12.3, 12.4)
    .set(HIGH_CALL, 8.1, 8.2);
}

export interface EngineHarness extends Disposable {
  readonly clock: ManualClock;
  readonly prices: ManualPrices;
  readonly engine: OrderEngine;
  readonly updates: TradeUpdate[];
  /** Event names so far, with the symbol's role where `full` asks for it. */
  events(): string[];
  last(): TradeUpdate;
}

/** An engine with complete fills and a manual clock. */
export function engineHarness(
  options: EngineOptions = {},
  parts: { seed?: string; startMs?: number } = {},
): EngineHarness {
  const clock = new ManualClock(parts.startMs ?? MONDAY_MORNING);
  const prices = manualMarket();
  const random = new SeededRandom(parts.seed ?? "orders");
  const assetId = (symbol: string) => random.fork(symbol).uuid();
  const engine = new OrderEngine({ clock, random, prices, assetId }, {
    partialFillChance: 0,
    ...options,
  });
  const updates: TradeUpdate[] = [];
  engine.onUpdate((update) => updates.push(update));
  return {
    clock,
    prices,
    engine,
    updates,
    events: () => updates.map(({ event }) => event),
    last: () => {
      const update = updates.at(-1);
      if (update === undefined) throw new Error("no update yet");
      return update;
    },
    [Symbol.dispose]: () => engine[Symbol.dispose](),
  };
}

/** A market order of 10 MSFT for the day, with changes. */
export function order(changes: Record<string, unknown> = {}) {
  return {
    symbol: "MSFT",
    qty: "10",
    side: "buy",
    type: "market",
    time_in_force: "day",
    ...changes,
  };
}

/** Faults of the trading stream, planned by setting fields. */
export class ManualFaults implements TradingFaults {
  copies = 1;
  delayMs = 0;
  ackCopies = 1;
  ackDelay = 0;
  isMuted = false;
  isSilent = false;
  authError: number | undefined;
  listenError: number | undefined;

  isStreamMuted(): boolean {
    return this.isMuted;
  }
  isStreamSilent(): boolean {
    return this.isSilent;
  }
  takeOrderEventCopies(): number {
    return this.copies;
  }
  orderEventDelayMs(): number {
    return this.delayMs;
  }
  takeAckCopies(): number {
    return this.ackCopies;
  }
  ackDelayMs(): number {
    return this.ackDelay;
  }
  takeError(_endpoint: string, action: "auth" | "subscribe") {
    return action === "auth" ? this.authError : this.listenError;
  }
}
