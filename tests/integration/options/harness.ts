/**
 * The option catalog and the expansions against a simulated Alpaca, over real
 * HTTP, on clocks turned by hand.
 *
 * @module
 */
import { MarketCalendar } from "../../../src/domain/calendar/market_calendar.ts";
import assert from "node:assert/strict";
import { Expansions } from "../../../src/application/options/expansions.ts";
import { createCounters } from "../../../src/application/status/counters.ts";
import { DEFAULT_SELECTION, type OptionSelection } from "../../../src/domain/options/selection.ts";
import { UnderlyingDirectory } from "../../../src/domain/options/underlying_directory.ts";
import { AlpacaCatalog } from "../../../src/infrastructure/alpaca/rest/option_catalog.ts";
import { RestClient } from "../../../src/infrastructure/alpaca/rest/rest_client.ts";
import {
  ManualClock as SimulatorClock,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from "@alpaca-stream-proxy/simulator";
import { ManualClock, settle } from "../../support/manual_clock.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { CountingSink } from "../../unit/application/options/counting_sink.ts";
import { until } from "../../support/until.ts";
import { socketTurn } from "../../unit/infrastructure/alpaca/rest/scripted_api.ts";

/** A Monday, 10:30 in New York. */
export const NOW = Date.parse("2026-09-14T14:30:00Z");
/** How often prices are asked for. */
export const INTERVAL_MS = 15_000;
/** Waits of the client that stand for an answer under way, not for a pause. */
const TIMEOUT_MS = 15_000;

/** What can be set about a harness. */
export interface HarnessOptions {
  readonly simulator?: SimulatorOptions;
  readonly secret?: string;
  /** The proxy's time, when it is not that of the simulator. */
  readonly now?: number;
}

/** A simulator, a catalog of it, and expansions that run. */
export class OptionHarness implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly log = new RecordingLog();
  readonly sink = new CountingSink();
  readonly directory = new UnderlyingDirectory();
  readonly simulator: Simulator;
  readonly catalog: AlpacaCatalog;
  readonly expansions: Expansions;
  readonly #simulatorClock: SimulatorClock;
  readonly #end = new AbortController();
  #run: Promise<void> | undefined;
  #priced = 0;

  private constructor(
    simulator: Simulator,
    simulatorClock: SimulatorClock,
    options: HarnessOptions,
  ) {
    const { secret = "SIM_SECRET", now = NOW } = options;
    this.clock = new ManualClock(now);
    this.simulator = simulator;
    this.#simulatorClock = simulatorClock;
    const { clock, log, sink, directory } = this;
    const { url } = simulator;
    const host = () => ({
      url,
      client: new RestClient({
        credentials: () => ({ key: "SIM_KEY", secret }),
        clock,
        log,
        counters: createCounters().rest,
      }),
    });
    this.catalog = new AlpacaCatalog({
      trading: host(),
      data: host(),
      stockFeed: "sip",
      optionFeed: "opra",
    });
    const lastTrades = this.catalog.lastTrades.bind(this.catalog);
    this.catalog.lastTrades = async (underlyings, signal) => {
      const answer = await lastTrades(underlyings, signal);
      this.#priced++;
      return answer;
    };
    this.expansions = new Expansions({
      catalog: this.catalog,
      sink,
      directory,
      clock,
      calendar: new MarketCalendar(),
      log,
      random: () => 0,
      settings: {
        selection: DEFAULT_SELECTION,
        priceIntervalMs: INTERVAL_MS,
        maxChains: 10,
      },
    });
  }

  /** Starts the simulator; the expansions run from `run` on. */
  static async open(options: HarnessOptions = {}): Promise<OptionHarness> {
    const clock = new SimulatorClock(NOW);
    const simulator = await startSimulator({
      messagesPerSecond: 0,
      ...options.simulator,
      clock,
    });
    return new OptionHarness(simulator, clock, options);
  }

  /** Fires when the test ends. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Starts the loop of the expansions. */
  run(): void {
    this.#run = this.expansions.run(this.signal);
  }

  /** Opens an expansion and waits until its contracts are chosen. */
  async open(
    underlying: string,
    selection: Partial<OptionSelection> = {},
  ): Promise<Disposable> {
    const stream = this.expansions.open("quotes", underlying, {
      ...DEFAULT_SELECTION,
      ...selection,
    });
    await this.seen(() => this.stateOf(underlying) !== "loading");
    return stream;
  }

  /** State of the only expansion of an underlying. */
  stateOf(underlying: string): string | undefined {
    return this.reportOf(underlying)?.state;
  }

  /** Report of the only expansion of an underlying. */
  reportOf(underlying: string) {
    return this.expansions.reports()
      .find((report) => report.underlying === underlying);
  }

  /** Lets answers arrive, but no time pass, until something is true. */
  seen(isTrue: () => boolean): Promise<void> {
    return until(() => `a condition on ${JSON.stringify(this.log.records)}`, () => {
      // What was rung for wakes at this very moment.
      if (this.clock.nextWakeIn === 0) this.clock.advance(0);
      return isTrue();
    });
  }

  /** Lets time pass on both sides. */
  async advance(ms: number): Promise<void> {
    this.#simulatorClock.advance(ms);
    await this.clock.advance(ms);
  }

  /** An interval passes, and its prices arrive and are looked at. */
  async nextPrices(): Promise<void> {
    const before = this.#priced;
    await this.advance(INTERVAL_MS);
    await this.seen(() => this.#priced > before);
    await this.clock.advance(0);
  }

  /**
   * Waits for an answer, passing every pause that the client makes. Answers
   * the pauses too.
   */
  async withPauses<T>(
    answer: Promise<T>,
  ): Promise<{ readonly value: T; readonly pauses: readonly number[] }> {
    const pauses: number[] = [];
    let isDone = false;
    const done = () => {
      isDone = true;
    };
    answer.then(done, done);
    while (!isDone) {
      const pause = this.clock.nextWakeIn;
      if (pause !== undefined && pause !== TIMEOUT_MS) {
        pauses.push(pause);
        await this.advance(pause);
      } else await socketTurn();
    }
    return { value: await answer, pauses };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#run;
    await this.simulator[Symbol.asyncDispose]();
    await settle();
    assert.equal(this.clock.sleepers, 0);
  }
}
