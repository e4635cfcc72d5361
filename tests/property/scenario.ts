/**
 * The core of the proxy between a modelled market and modelled clients.
 *
 * Everything is real from the decoder to the streams: feed link, subscriptions, channels, queues
 * and registry. Time is virtual, and nothing uses a socket.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createChannels } from "../../src/application/broadcast/channels.ts";
import { QueueMemory } from "../../src/application/broadcast/queue_memory.ts";
import { FeedLink } from "../../src/application/feeds/feed_link.ts";
import { QuotaExceeded } from "../../src/application/feeds/quota_check.ts";
import { SubscriptionManager } from "../../src/application/feeds/subscription_manager.ts";
import { createCounters } from "../../src/application/status/counters.ts";
import type { OpenStream, StreamItem } from "../../src/application/streaming/market_streams.ts";
import type { StreamOptions } from "../../src/application/streaming/stream_options.ts";
import { StreamRegistry } from "../../src/application/streaming/stream_registry.ts";
import type { ChannelName } from "../../src/domain/market/channels.ts";
import { CHANNELS } from "../../src/domain/market/channels.ts";
import { UnderlyingDirectory } from "../../src/domain/options/underlying_directory.ts";
import { createSubscriptions } from "../../src/domain/subscription/reconciler.ts";
import { ManualClock, settle } from "../support/manual_clock.ts";
import { NO_LIMIT } from "../support/subscriptions.ts";
import { CountingTracing } from "../unit/application/feeds/scripted_feed.ts";
import { type MarketChannel, MarketModel, type Tick } from "./market_model.ts";
import type { Scene, Step, Variant } from "./steps.ts";
import { type StockEvent, StreamClient, type Wish } from "./stream_client.ts";

/** The broadcast channel of an upstream channel. */
const CHANNEL_OF: Readonly<Record<MarketChannel, ChannelName>> = {
  quotes: "stockQuotes",
  trades: "stockTrades",
  bars: "stockBars",
};

/** Time in which all outages end, in ms. */
const RECOVERY_MS = 300_000;
/** The longest interval of heartbeats, in ms. */
const HEARTBEAT_MS = 30_000;

/** One run of a script. */
export class Scenario {
  readonly clock = new ManualClock();
  readonly market: MarketModel;
  readonly streams: StreamRegistry;
  readonly memory: QueueMemory;
  /** Every client so far, in the order of their streams. */
  readonly clients: StreamClient[] = [];
  readonly #scene: Scene;
  readonly #link: FeedLink;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(scene: Scene) {
    this.#scene = scene;
    const { clock } = this;
    const counters = createCounters();
    const { capacity, memoryBytes, retained, quota, rejected, graceMs } = scene;
    const capacities = Object.fromEntries(CHANNELS.map((name) => [name, capacity]));
    this.memory = new QueueMemory(memoryBytes);
    const channels = createChannels({
      capacities: capacities as Record<ChannelName, number>,
      counters,
      retained,
      memory: this.memory,
      directory: new UnderlyingDirectory(),
    });
    this.market = new MarketModel(
      {
        limit: quota,
        counts: new Set(["quotes", "trades"]),
        wildcards: new Set(["quotes", "trades", "bars"]),
        wildcardError: 413,
        bad: new Map(
          rejected.flatMap((symbol) =>
            ["quotes", "trades", "bars"].map((channel) => [`${channel} ${symbol}`, 400] as const)
          ),
        ),
      },
      {
        quotes: channels.stockQuotes,
        trades: channels.stockTrades,
        bars: channels.stockBars,
        updatedBars: channels.stockUpdatedBars,
        dailyBars: channels.stockDailyBars,
        statuses: channels.tradingStatuses,
        bands: channels.priceBands,
        corrections: channels.tradeCorrections,
        imbalances: channels.imbalances,
      },
      clock,
    );
    const { log } = this.market;
    const tracing = new CountingTracing();
    const subscriptions = new SubscriptionManager({
      feed: "sip",
      subscriptions: createSubscriptions({
        plan: NO_LIMIT,
        limits: { maxPairs: 3, maxBytes: 1_000 },
        graceMs,
        now: () => clock.monotonic(),
      }),
      replyTimeoutMs: 10_000,
      clock,
      log,
      tracing,
      onRejection: () => {},
      events: {
        freshness: (...change) => this.streams.freshness(...change),
        carried: (...change) => this.streams.carried(...change),
        notCarried: (...change) => this.streams.notCarried(...change),
        subscription: (...change) => this.streams.subscription(...change),
      },
    });
    let id = 0;
    this.streams = new StreamRegistry({
      channels,
      feeds: new Set(["sip"]),
      sinks: { sip: subscriptions },
      clock,
      counters,
      memory: this.memory,
      newId: () => `id ${++id}`,
      freshnessOf: () => ({ freshness: "live", since: clock.now(), reason: "", symbols: [] }),
    });
    this.#link = new FeedLink({
      feed: "sip",
      kind: "sip",
      connector: this.market,
      subscriptions,
      counters: this.market.counters,
      clock,
      random: () => 0.5,
      log,
      tracing,
      redact: (text) => text,
      remedies: {},
      heartbeat: { intervalMs: 30_000, timeoutMs: 60_000 },
      reconnect: { initialDelayMs: 500, maxDelayMs: 30_000, multiplier: 2, maxAttempts: 0 },
    });
    this.#running = this.#link.run(this.#stop.signal);
  }

  /** Runs one step, and what follows from it in the same moment. */
  async play(step: Step): Promise<void> {
    const { market, clock } = this;
    switch (step.do) {
      case "open":
        this.#open({ ...step, options: step.variant && optionsOf(step.variant) }, step.credit);
        break;
      case "resume":
        this.#resume(step);
        break;
      case "close":
        await this.#openClient(step.which)?.close(market.produced.length);
        break;
      case "stall":
        this.#openClient(step.which)?.stall();
        break;
      case "read":
        this.#openClient(step.which)?.grant(step.count);
        break;
      case "acknowledge":
        this.#acknowledge(this.#openClient(step.which), step.count);
        break;
      case "produce":
        market.produce(step.ticks, step.fault);
        break;
      case "burst": {
        const count = Math.ceil(this.#scene.capacity * step.factor);
        const ticks = Array.from({ length: count }, (_, index): Tick => ({
          channel: step.channel,
          symbol: step.symbols[index % step.symbols.length] as string,
        }));
        if (step.isOneFrame) market.produce(ticks);
        else for (const tick of ticks) market.produce([tick]);
        break;
      }
      case "cut":
        market.refusedDials = step.refusedDials;
        market.cut();
        break;
      case "drop slow":
        market.dropSlow();
        break;
      case "mute":
        market.mute();
        break;
      case "unmute":
        market.unmute();
        break;
      case "hold":
        market.isHeld = true;
        break;
      case "release":
        market.isHeld = false;
        market.release();
        break;
      case "lose ack":
        market.lostAcks++;
        break;
      case "double ack":
        market.doubledAcks++;
        break;
      case "server error":
        market.upstream.faults++;
        break;
      case "contradict":
        market.contradict(step.which);
        break;
      case "forget":
        market.forget(step.which);
        break;
      case "sweep":
        this.memory.sweep();
        break;
      case "wait":
        await clock.advance(step.ms);
    }
    await clock.advance(0);
  }

  /** Opens a stream with options that is read completely. */
  async open(channel: MarketChannel, symbols: readonly string[], snapshot: boolean): Promise<void> {
    const variant = { delivery: "every", minIntervalMs: 0, heartbeatMs: 1_000, snapshot } as const;
    const options = optionsOf({ ...variant, maxUnacknowledged: 0 });
    this.#open({ channel, symbols, options }, Infinity);
    await this.clock.advance(0);
  }

  /** Ends all faults, lets every client read everything, and waits for all gaps and totals. */
  async recover(): Promise<void> {
    const { market } = this;
    market.isHeld = false;
    market.lostAcks =
      market.doubledAcks =
      market.upstream.faults =
      market.refusedDials =
        0;
    market.unmute();
    market.release();
    for (const client of this.#openClients) client.grant(Infinity);
    await this.clock.advance(RECOVERY_MS);
    // Each acknowledgement lets further messages be sent.
    for (const client of this.#openClients) {
      for (let before = -1; before < client.acknowledged;) {
        before = client.acknowledged;
        this.#acknowledge(client, Infinity);
        await this.clock.advance(client.wish.options?.minIntervalMs ?? 0);
      }
    }
    await this.clock.advance(HEARTBEAT_MS);
  }

  /** Closes everything and checks that nothing is left. */
  async end(): Promise<void> {
    const { market, clients, clock, memory, streams } = this;
    for (const client of clients) await client.close(market.produced.length);
    this.#stop.abort();
    await this.#running;
    await clock.advance(0);
    await settle();
    assert.equal(streams.clients.count, 0, "a stream is left open");
    assert.equal(clock.sleepers, 0, "a timer is left behind");
    assert.ok(memory.bytes >= 0, "memory is counted out twice");
  }

  get #openClients(): StreamClient[] {
    return this.clients.filter(({ closedAfter, isEnded }) => closedAfter === undefined && !isEnded);
  }

  #openClient(which: number): StreamClient | undefined {
    const open = this.#openClients;
    return open[which % Math.max(1, open.length)];
  }

  #open(wish: Wish, credit: number, earlier?: StreamClient): void {
    const { channel, symbols, options } = wish;
    const name = CHANNEL_OF[channel];
    let stream;
    try {
      stream = options === undefined
        ? this.streams.open(name, { symbols })
        : this.streams.openWithOptions(name, { symbols }, options);
    } catch (error) {
      if (error instanceof QuotaExceeded) return;
      throw error;
    }
    const context = { clock: this.clock, openedAfter: this.market.produced.length, earlier };
    const client = new StreamClient(
      { channel, symbols, options },
      stream as OpenStream<StreamItem<StockEvent>>,
      context,
    );
    client.grant(credit);
    this.clients.push(client);
  }

  #resume({ which, back, variant, credit }: Extract<Step, { do: "resume" }>): void {
    const closed = this.clients.filter(({ wish, closedAfter, isEnded }) =>
      wish.options && (closedAfter !== undefined || isEnded)
    );
    const client = closed[which % Math.max(1, closed.length)];
    const [hello] = client?.notices("hello") ?? [];
    if (!client || !hello) return;
    const { epoch } = hello.hello;
    const sequence = Math.max(0, client.position - back);
    const options = { ...optionsOf({ ...variant, snapshot: false }), resume: { epoch, sequence } };
    this.#open({ ...client.wish, options }, credit, client);
  }

  #acknowledge(client: StreamClient | undefined, count: number): void {
    const streamId = client?.notices("hello")[0]?.hello.streamId;
    if (!client || streamId === undefined) return;
    const { counted } = client;
    const total = Math.min(counted.length, client.acknowledged + count);
    const last = counted[total - 1];
    if (!last || total === client.acknowledged) return;
    client.acknowledged = total;
    const isOpen = this.streams.acknowledge(streamId, last.sequence);
    assert.ok(isOpen || client.endReason !== undefined, "the stream id is unknown");
  }
}

function optionsOf({ minIntervalMs, ...variant }: Variant): StreamOptions {
  return {
    ...variant,
    minIntervalMs,
    meta: true,
    notices: true,
    resume: undefined,
    backfill: false,
  };
}
