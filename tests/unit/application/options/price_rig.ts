/**
 * Running prices of underlyings with a scripted catalog and a manual clock.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Chain } from "../../../../src/application/options/option_chain_cache.ts";
import { UnderlyingPrices } from "../../../../src/application/options/underlying_prices.ts";
import { exchangeDay } from "../../../../src/domain/calendar/exchange_time.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import type { OptionContract } from "../../../../src/domain/options/contract.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { gridOf, strikesFrom } from "../../domain/options/chains.ts";
import { ScriptedCatalog } from "./scripted_catalog.ts";

/** A Monday, 10:00 in New York, in ms since the Unix epoch. */
export const NOW = Date.UTC(2026, 11, 14, 15, 0, 0);
/** The day of `NOW`. */
export const DAY = exchangeDay(NOW);
/** Interval of the requests for last trades. */
export const INTERVAL_MS = 15_000;

/** Prices that are kept current; disposing ends their loops and checks for leftovers. */
export class Rig implements AsyncDisposable {
  readonly catalog = new ScriptedCatalog();
  readonly clock: ManualClock;
  readonly followed = new Map<string, Chain | undefined>();
  readonly prices: UnderlyingPrices;
  readonly #end = new AbortController();
  readonly #run: Promise<void>;
  changes = 0;
  onChange = () => {};

  constructor(now = NOW) {
    const clock = this.clock = new ManualClock(now);
    const { catalog, followed } = this;
    catalog.time = () => clock.now();
    this.prices = new UnderlyingPrices({
      catalog,
      clock,
      calendar: new MarketCalendar(),
      intervalMs: INTERVAL_MS,
      followed: () => followed,
      onChange: () => {
        this.changes++;
        this.onChange();
      },
    });
    this.#run = this.prices.run(this.#end.signal);
  }

  /** Follows an underlying that has such contracts. */
  async follow(
    underlying: string,
    contracts: readonly OptionContract[] = gridOf({
      underlying,
      days: [DAY, DAY + 2],
      strikes: strikesFrom(80, 120),
    }),
  ): Promise<void> {
    this.catalog.listed.set(underlying, contracts);
    const days = new Set(contracts.map(({ expiryDay }) => expiryDay));
    this.followed.set(underlying, { contracts, expiries: [...days], day: DAY });
    this.prices.wake();
    await this.clock.advance(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#run;
    assert.equal(this.clock.sleepers, 0);
  }
}
