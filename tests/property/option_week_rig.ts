/**
 * The streams of an {@linkcode OptionWeek}: expansions, shared quota and REST requests are the
 * proxy's, Alpaca is a model that accepts no symbol above the limit.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Channel } from "../../src/application/broadcast/channel.ts";
import { SubscriptionManager } from "../../src/application/feeds/subscription_manager.ts";
import { LastEvents } from "../../src/application/history/last_events.ts";
import { contractEnds } from "../../src/application/options/contract_ends.ts";
import { Expansions } from "../../src/application/options/expansions.ts";
import { createCounters } from "../../src/application/status/counters.ts";
import type { RestPurpose } from "../../src/application/status/counters.ts";
import type { SelectionNotices } from "../../src/application/streaming/selection_notices.ts";
import { Selections, type SelectionStream } from "../../src/application/streaming/selections.ts";
import { MarketCalendar } from "../../src/domain/calendar/market_calendar.ts";
import { DEFAULT_SELECTION, type OptionSelection } from "../../src/domain/options/selection.ts";
import { UnderlyingDirectory } from "../../src/domain/options/underlying_directory.ts";
import { createSubscriptions } from "../../src/domain/subscription/reconciler.ts";
import { AlpacaCatalog } from "../../src/infrastructure/alpaca/rest/option_catalog.ts";
import { RestMarketData } from "../../src/infrastructure/alpaca/rest/market_data.ts";
import { RateShare } from "../../src/infrastructure/alpaca/rest/rate_share.ts";
import { RequestQueue } from "../../src/infrastructure/alpaca/rest/request_queue.ts";
import type { RestClient } from "../../src/infrastructure/alpaca/rest/rest_client.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { RecordingEvents } from "../support/recording_events.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { ModelUpstream } from "../unit/application/feeds/model_upstream.ts";
import { CountingTracing, ScriptedSession } from "../unit/application/feeds/scripted_feed.ts";
import { MINUTE_MS, type OptionWeek, START, type Underlying } from "./option_week.ts";
import type { Moment, WeekStream } from "./option_week_reasons.ts";

const QUOTES: ReadonlySet<"quotes"> = new Set(["quotes"] as const);

/** What the streams request, in turn. */
const SELECTIONS: readonly OptionSelection[] = [
  { ...DEFAULT_SELECTION, maxDays: 30, maxExpiries: 2, strikesEachSide: 1 },
  DEFAULT_SELECTION,
  { ...DEFAULT_SELECTION, maxContracts: 24, includeAdjusted: true },
  { ...DEFAULT_SELECTION, strikeWindowPercent: 30 },
];

/** A stream with notices, and what these add up to. */
class NoticedStream implements SelectionStream, WeekStream {
  readonly underlying: Underlying;
  readonly selection: OptionSelection;
  readonly isOnlySelected = false;
  readonly options = { notices: true, snapshot: true };
  readonly noticed = new Set<string>();
  problem = "";

  constructor(underlying: Underlying, selection: OptionSelection) {
    this.underlying = underlying;
    this.selection = selection;
  }

  selectionChanged({ contracts, problem }: SelectionNotices): void {
    for (const { notice } of [...contracts, ...problem ? [problem] : []]) {
      assert.ok(notice.type === "subscription");
      const { symbol, selection, reason } = notice;
      if (selection === "entered") this.noticed.add(symbol);
      else if (selection === "left") this.noticed.delete(symbol);
      // That the selection is complete may have a limit of it as reason.
      else this.problem = reason;
    }
  }

  firstEvents(): void {}
}

/** The requests of one account, within its share of the limit. */
class Requests {
  /** Monotonic ms of the requests. */
  readonly sentAt: number[] = [];
  /** Those of them for first events. */
  firstEvents = 0;
  readonly #week: OptionWeek;
  readonly #clock: ManualClock;
  readonly #share: RateShare;
  #calls = 0;

  constructor(week: OptionWeek, clock: ManualClock) {
    this.#week = week;
    this.#clock = clock;
    this.#share = new RateShare(clock);
  }

  /** A client of one API. */
  client(): RestClient {
    const queue = new RequestQueue({ clock: this.#clock, share: this.#share });
    const get = async (url: URL, signal: AbortSignal, purpose: RestPurpose) => {
      const order = this.#calls++;
      if (!await queue.acquire({ purpose, signal, order })) throw new Error("aborted");
      this.sentAt.push(this.#clock.monotonic());
      if (purpose === "first_events") this.firstEvents++;
      try {
        return this.#week.reply(url, purpose);
      } finally {
        queue.release();
      }
    };
    return { get } as unknown as RestClient;
  }
}

/** The proxy's side of a week. */
export class WeekRig implements AsyncDisposable {
  readonly clock = new ManualClock(START);
  readonly streams: readonly NoticedStream[];
  readonly named = new Set<string>();
  readonly #requests: Requests;
  readonly #budget: number;
  readonly #week: OptionWeek;
  readonly #events = new RecordingEvents();
  readonly #upstream: ModelUpstream;
  readonly #manager: SubscriptionManager;
  readonly #expansions: Expansions;
  readonly #firstEvents: LastEvents;
  readonly #opened = new DisposableStack();
  readonly #end = new AbortController();
  readonly #running: Promise<void>;
  #failure: { readonly error: unknown } | undefined;

  constructor(week: OptionWeek, budget: number, random: () => number) {
    const { clock } = this;
    this.#week = week;
    this.#budget = budget;
    this.#requests = new Requests(week, clock);
    this.#upstream = new ModelUpstream({
      limit: budget,
      counts: QUOTES,
      wildcards: new Set(),
      wildcardError: 405,
      bad: new Map(),
    });
    const calendar = new MarketCalendar();
    const directory = new UnderlyingDirectory();
    this.#manager = new SubscriptionManager({
      feed: "opra",
      subscriptions: createSubscriptions({
        plan: { pairs: budget, counts: QUOTES, wildcards: new Set(), isOpen: false },
        limits: { maxPairs: 1_000, maxBytes: 100_000 },
        graceMs: 0,
        now: () => clock.monotonic(),
      }),
      replyTimeoutMs: 10_000,
      clock,
      log: new RecordingLog(),
      tracing: new CountingTracing(),
      onRejection: (text) => assert.fail(`Alpaca has rejected a request: ${text}`),
      events: this.#events,
      endOf: contractEnds({ directory, calendar, delayMs: 0 }),
    });
    const session = new ScriptedSession(clock);
    session.onRequest = (request) => {
      this.#upstream.requests.push(request);
      queueMicrotask(() => this.#reply());
    };
    this.#manager.attach(session);
    const host = (url: string) => ({ client: this.#requests.client(), url });
    const data = host("http://data");
    this.#firstEvents = new LastEvents({
      marketData: new RestMarketData({ data, stockFeed: "sip", optionFeed: "opra" }),
      clock,
      log: new RecordingLog(),
      purpose: "first_events",
    });
    this.#expansions = new Expansions({
      catalog: new AlpacaCatalog({
        trading: host("http://trading"),
        data,
        stockFeed: "sip",
        optionFeed: "opra",
      }),
      sink: this.#manager,
      directory,
      clock,
      calendar,
      log: new RecordingLog(),
      random,
      settings: { selection: DEFAULT_SELECTION, priceIntervalMs: MINUTE_MS, maxChains: 128 },
    });
    this.#running = this.#expansions.run(this.#end.signal).catch((error) => {
      this.#failure = { error };
    });
    this.streams = week.underlyings.map((underlying, at) => {
      const selection = SELECTIONS[at % SELECTIONS.length] ?? DEFAULT_SELECTION;
      return this.#open(new NoticedStream(underlying, selection));
    });
  }

  #open(stream: NoticedStream): NoticedStream {
    const channel = new Channel<string>({ symbol: (event) => event }, {
      capacity: 10,
      counters: createCounters().channels.optionQuotes,
    });
    const selections = new Selections({
      clock: this.clock,
      channelOf: () => channel as unknown as Channel<unknown>,
      statesOf: (...pairs) => this.#manager.statesOf(...pairs),
      open: ({ upstream, underlying, selection }, watch) =>
        this.#expansions.open(upstream, underlying, selection, watch),
      fetchLast: (...request) => this.#firstEvents.lookUp(...request),
    });
    const { underlying: { name: underlying }, selection } = stream;
    const scope = { channel: "optionQuotes", upstream: "quotes", underlying, selection } as const;
    const { contracts } = this.#opened.use(selections.open(scope));
    this.#opened.defer(contracts.join(stream));
    this.#opened.use(this.#expansions.open("trades", underlying, selection));
    return stream;
  }

  #reply(): void {
    this.#upstream.process();
    const answer = this.#upstream.answers.shift();
    if (!answer) return;
    if ("state" in answer) this.#manager.acknowledged(answer.state);
    else this.#manager.rejected(answer.error);
  }

  /** A client opens a stream of a contract; there is a slot unless named ones have them all. */
  name(symbol: string): void {
    if (this.named.has(symbol) || this.named.size >= this.#budget) return;
    this.#manager.checkQuota("quotes", [symbol]);
    this.#manager.add("quotes", [symbol]);
    this.#expansions.observe(symbol);
    this.#expansions.rebalance();
    this.named.add(symbol);
  }

  /** The client of a contract closes its stream. */
  release(symbol: string): void {
    this.#manager.remove("quotes", [symbol]);
    this.named.delete(symbol);
    this.#expansions.rebalance();
  }

  /** A minute passes. */
  async pass(): Promise<void> {
    this.#week.move();
    await this.clock.advance(MINUTE_MS);
    this.#events.take();
    if (this.#failure) throw this.#failure.error;
  }

  /** The machine is suspended for some minutes, of which its monotonic clock has none. */
  suspend(minutes: number): void {
    this.clock.setWall(minutes * MINUTE_MS);
    this.#week.minute += minutes;
  }

  moment(): Moment {
    const reports = this.#expansions.reports();
    const { state } = this.#upstream;
    return {
      reports: reports.filter(({ channel }) => channel === "quotes"),
      carried: state.get("quotes") ?? new Set(),
      traded: state.get("trades") ?? new Set(),
      named: this.named,
    };
  }

  /** Requests for first events so far. */
  get firstEventRequests(): number {
    return this.#requests.firstEvents;
  }

  /** The most requests in any minute, and in any hour. */
  get mostRequests(): { readonly inMinute: number; readonly inHour: number } {
    return { inMinute: this.#mostWithin(MINUTE_MS), inHour: this.#mostWithin(60 * MINUTE_MS) };
  }

  #mostWithin(ms: number): number {
    const { sentAt } = this.#requests;
    let [most, first] = [0, 0];
    for (const [at, sent] of sentAt.entries()) {
      while (sent - (sentAt[first] ?? 0) >= ms) first++;
      most = Math.max(most, at - first + 1);
    }
    return most;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#running;
    this.#opened.dispose();
    this.#manager.detach();
  }
}
