/**
 * A running chain cache with a scripted catalog and a manual clock.
 *
 * @module
 */
import assert from "node:assert/strict";
import { OptionChainCache } from "../../../../src/application/options/option_chain_cache.ts";
import { exchangeDay } from "../../../../src/domain/calendar/exchange_time.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import { UnderlyingDirectory } from "../../../../src/domain/options/underlying_directory.ts";
import { MANUAL_EPOCH, ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { gridOf } from "../../domain/options/chains.ts";
import { ScriptedCatalog } from "./scripted_catalog.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
/** 10:00 in New York on Tuesday, 16 January 2024; the day before is a holiday. */
const EPOCH = MANUAL_EPOCH + 24 * HOUR_MS;
/** The exchange day on which a rig starts by default, at 10:00. */
export const TODAY = exchangeDay(EPOCH);

/** Options of a rig. */
interface RigOptions {
  /** @default 10 */
  readonly maxChains?: number;
  /** Wall clock ms at the start. @default 10:00 in New York on `TODAY` */
  readonly epoch?: number;
  /** @default 0 */
  readonly random?: () => number;
}

/** A running chain cache; disposing it ends its loop and checks for leftovers. */
export class ChainRig implements AsyncDisposable {
  readonly catalog = new ScriptedCatalog();
  readonly clock: ManualClock;
  readonly log = new RecordingLog();
  readonly directory = new UnderlyingDirectory();
  readonly cache: OptionChainCache;
  readonly #end = new AbortController();
  readonly #run: Promise<void>;
  changes = 0;

  /** Starts with SPY, QQQ and IWM listed, each with two expiries of one strike. */
  constructor(options: RigOptions = {}) {
    const { maxChains = 10, epoch = EPOCH, random = () => 0 } = options;
    this.clock = new ManualClock(epoch);
    const { catalog, clock, log, directory } = this;
    this.cache = new OptionChainCache({
      catalog,
      clock,
      calendar: new MarketCalendar(),
      log,
      directory,
      maxChains,
      random,
      onChange: () => this.changes++,
    });
    for (const underlying of ["SPY", "QQQ", "IWM"]) {
      this.list(underlying, [TODAY, TODAY + 7]);
    }
    this.#run = this.cache.run(this.#end.signal);
  }

  /** Lists a call and a put for each day and strike. */
  list(underlying: string, days: readonly number[], strikes: readonly number[] = [100]): void {
    this.catalog.listed.set(underlying, gridOf({ underlying, days, strikes }));
  }

  /**
   * Lists contracts, and uses their chain until its first list is confirmed; dispose the use. The
   * second load, which confirms it, is not in `asked` afterwards.
   */
  async load(
    underlying: string,
    days: readonly number[],
    strikes: readonly number[],
  ): Promise<Disposable> {
    this.list(underlying, days, strikes);
    const use = this.cache.use(underlying);
    await this.clock.advance(0);
    await this.confirmed(underlying);
    return use;
  }

  /** Waits for the load that confirms the first list of a chain, which was loaded just now. */
  async confirmed(underlying: string): Promise<void> {
    const { asked } = this.catalog;
    const { length } = asked;
    await this.clock.advance(3 * MINUTE_MS);
    assert.deepEqual(asked.splice(length), [underlying]);
  }

  /** Expiries of a chain in days from today; `undefined` while there is none. */
  expiriesOf(underlying: string): readonly number[] | undefined {
    const state = this.cache.state(underlying);
    return state.at === "ready" ? state.chain.expiries.map((day) => day - TODAY) : undefined;
  }

  /** Distinct strikes of a chain, ascending. */
  strikesOf(underlying: string): readonly number[] {
    const state = this.cache.state(underlying);
    if (state.at !== "ready") return [];
    return [...new Set(state.chain.contracts.map(({ strike }) => strike))].sort((a, b) => a - b);
  }

  /** Contracts of a chain. */
  countOf(underlying: string): number {
    const state = this.cache.state(underlying);
    return state.at === "ready" ? state.chain.contracts.length : 0;
  }

  /** Why a chain is old, incomplete or off. */
  reasonOf(underlying: string): string | undefined {
    const state = this.cache.state(underlying);
    return state.at === "loading" ? undefined : state.reason;
  }

  /** Lets minutes pass; before each one `action` is called. */
  async minutes(count: number, action: () => void = () => {}): Promise<void> {
    for (let minute = 0; minute < count; minute++) {
      action();
      await this.clock.advance(MINUTE_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#run;
    assert.equal(this.clock.sleepers, 0);
  }
}
