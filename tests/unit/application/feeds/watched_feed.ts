/**
 * A market data feed whose freshness is watched, with the link and the subscriptions that a proxy
 * has, on a clock that the test advances. The test plays upstream.
 *
 * @module
 */
import assert from "node:assert/strict";
import { FeedFreshness } from "../../../../src/application/feeds/feed_freshness.ts";
import { FeedLink } from "../../../../src/application/feeds/feed_link.ts";
import { SubscriptionManager } from "../../../../src/application/feeds/subscription_manager.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import type { FeedKind } from "../../../../src/domain/connection/feed.ts";
import type { FeedNotice } from "../../../../src/domain/market/notices.ts";
import {
  pairKey,
  type SubscriptionRequest,
  type UpstreamChannel,
} from "../../../../src/domain/subscription/pairs.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingEvents } from "../../../support/recording_events.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { subscriptionsOf, symbolSets } from "../../../support/subscriptions.ts";
import { CountingTracing, ScriptedConnector, type ScriptedSession } from "./scripted_feed.ts";

/** Time until upstream replies to a request, in ms. */
const REPLY_MS = 50;

/** A watched feed; disposing stops it. */
export class WatchedFeed {
  readonly clock: ManualClock;
  readonly log = new RecordingLog();
  readonly connector: ScriptedConnector;
  readonly manager: SubscriptionManager;
  readonly freshness: FeedFreshness;
  /** Changes of the whole feed: `stale 09:31:00`, with the time in New York. */
  readonly changes: string[] = [];
  /** Changes of symbols: `quotes AAPL stale`. */
  readonly symbolChanges: string[] = [];
  readonly notices: FeedNotice[] = [];
  /** Whether upstream sends data. */
  isMute = false;
  /** Whether upstream replies to requests. */
  isDeaf = false;
  /** Pairs that upstream sends nothing of, by channel and symbol. */
  readonly mute = new Set<string>();
  /** Pairs that upstream leaves out of its acknowledgements, until they are requested again. */
  readonly lost = new Set<string>();
  isBackfilling = false;
  readonly #link: FeedLink;
  readonly #counters = createCounters().feeds.sip;
  readonly #counts = new Map<string, number>();
  readonly #subscribed = new Map<UpstreamChannel, Set<string>>();
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;

  /** @param start wall clock, with an offset from UTC */
  constructor(start: string, kind: FeedKind = "sip") {
    const clock = this.clock = new ManualClock(Date.parse(start));
    const subscriptions = subscriptionsOf({ maxPairs: 100, maxBytes: 10_000 }, {
      now: () => clock.monotonic(),
    });
    const shared = { clock, log: this.log, tracing: new CountingTracing(), feed: "sip" } as const;
    this.manager = new SubscriptionManager({
      ...shared,
      subscriptions,
      replyTimeoutMs: 10_000,
      onRejection: () => {},
      events: new RecordingEvents(),
    });
    this.connector = new ScriptedConnector(clock, ["accept"]);
    this.connector.onSession = (session) => {
      this.#subscribed.clear();
      session.onRequest = (request) => this.#reply(session, request);
    };
    this.#link = new FeedLink({
      ...shared,
      kind,
      connector: this.connector,
      subscriptions: this.manager,
      counters: this.#counters,
      random: () => 0.5,
      redact: (text) => text,
      remedies: {},
      heartbeat: { intervalMs: 30_000, timeoutMs: 10_000 },
      reconnect: { initialDelayMs: 500, maxDelayMs: 30_000, multiplier: 2, maxAttempts: 0 },
      onStateChange: () => this.freshness.linkChanged(),
    });
    this.freshness = new FeedFreshness({
      ...shared,
      kind,
      link: this.#link,
      upstream: this.manager,
      market: {
        subscriptions,
        messagesOf: (pair) => this.#counts.get(pairKey(pair)) ?? 0,
      },
      messages: () => this.#counters.received.quote,
      isBackfilling: () => this.isBackfilling,
      calendar: new MarketCalendar(),
      onChange: (_feed, channel, notice) => this.#record(channel, notice),
    });
    this.#running = Promise.all([
      this.#link.run(this.#stop.signal),
      this.freshness.run(this.#stop.signal),
    ]);
  }

  /** The time of day in New York. */
  get time(): string {
    return new Date(this.clock.now()).toLocaleTimeString("en-GB", { timeZone: "America/New_York" });
  }

  /** The state now, with the number of stale symbols. */
  get state(): string {
    const { notice: { freshness }, staleSymbols } = this.freshness.report;
    return staleSymbols === 0 ? freshness : `${freshness}, ${staleSymbols} symbols stale`;
  }

  /** Symbols that the report of the subscriptions marks as stale. */
  get staleInReport(): string[] {
    return this.freshness.mark(this.manager.report([])).channels.flatMap(({ symbols }) =>
      symbols.filter(({ isStale }) => isStale).map(({ symbol }) => symbol)
    );
  }

  /** Requests on the session, audits and heartbeats included. */
  get requests(): number {
    return this.connector.last.requests.length;
  }

  /**
   * Lets seconds pass in which upstream sends messages in regular intervals.
   *
   * @param rates messages per second by symbol
   */
  async run(
    seconds: number,
    rates: Readonly<Record<string, number>> = {},
    channel: UpstreamChannel = "quotes",
  ): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      const tick = Math.floor(this.clock.now() / 1_000);
      for (const [symbol, rate] of Object.entries(rates)) {
        const count = Math.floor((tick + 1) * rate) - Math.floor(tick * rate);
        if (count > 0) this.#send(channel, symbol, count);
      }
      await this.clock.advance(1_000);
    }
  }

  /** Runs until a time of day in New York; a day at most. */
  async runUntil(time: string, rates: Readonly<Record<string, number>> = {}): Promise<void> {
    for (let second = 0; this.time !== time; second++) {
      assert.ok(second < 86_400, `${time} is a time of day`);
      await this.run(1, rates);
    }
  }

  /** Sets the wall clock, with an offset from UTC, so that a night takes no time. */
  async jumpTo(time: string): Promise<void> {
    this.clock.setWall(Date.parse(time) - this.clock.now());
    await this.run(2);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    assert.equal(this.clock.sleepers, 0, "no timer is left behind");
  }

  #send(channel: UpstreamChannel, symbol: string, count: number): void {
    const key = pairKey({ channel, symbol });
    if (this.isMute || this.mute.has(key) || this.#link.status.state !== "connected") return;
    const symbols = this.#subscribed.get(channel);
    if (!symbols?.has(symbol) && !symbols?.has("*")) return;
    this.connector.last.hear();
    this.#counters.received.quote += count;
    for (const each of [key, pairKey({ channel, symbol: "*" })]) {
      this.#counts.set(each, (this.#counts.get(each) ?? 0) + count);
    }
  }

  #reply(session: ScriptedSession, { action, pairs, probe }: SubscriptionRequest): void {
    for (const { channel, symbol } of pairs) {
      const symbols = this.#subscribed.get(channel) ?? new Set();
      this.#subscribed.set(channel, symbols);
      if (action === "unsubscribe" || probe && this.lost.has(pairKey({ channel, symbol }))) {
        symbols.delete(symbol);
      } else symbols.add(symbol);
    }
    if (this.isDeaf) return;
    this.clock.sleep(REPLY_MS).then(() => {
      if (!session.open) return;
      session.hear();
      const state = [...this.#subscribed];
      this.manager.acknowledged(symbolSets(state));
    });
  }

  #record(channel: UpstreamChannel | undefined, notice: FeedNotice): void {
    this.notices.push(notice);
    const { freshness, symbols } = notice;
    if (channel === undefined) this.changes.push(`${freshness} ${this.time}`);
    else this.symbolChanges.push(`${channel} ${symbols.join(" ")} ${freshness}`);
  }
}
