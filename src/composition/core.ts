/**
 * Makes what every API reads from: the feeds, what is published to streams, and the reports on it.
 *
 * @module
 */
import manifest from "../../deno.json" with { type: "json" };
import type { Drain } from "../application/admin/drain.ts";
import type { StreamAudit } from "../application/admin/stream_audit.ts";
import { createChannels } from "../application/broadcast/channels.ts";
import { QueueMemory } from "../application/broadcast/queue_memory.ts";
import { supervise } from "../application/timing/supervise.ts";
import { OpeningRate } from "../application/limits/opening_rate.ts";
import { LastEvents } from "../application/history/last_events.ts";
import { Outages } from "../application/history/outages.ts";
import { BookRenewals } from "../application/orderbooks/book_renewals.ts";
import { OrderBooks } from "../application/orderbooks/order_books.ts";
import { Activity } from "../application/status/activity.ts";
import type { ProxyCounters } from "../application/status/counters.ts";
import { measureEndToEndDelay, measureLoopDelay } from "../application/status/delays.ts";
import { type ClusterReport, statusSource } from "../application/status/status.ts";
import { endStalled, reportDropped } from "../application/streaming/monitor_streams.ts";
import type { OrderStore } from "../application/ports/order_store.ts";
import { StreamRegistry } from "../application/streaming/stream_registry.ts";
import type { UpstreamEvents } from "../application/streaming/upstream_events.ts";
import { MarketCalendar } from "../domain/calendar/market_calendar.ts";
import type { FeedNotice } from "../domain/market/notices.ts";
import type { FeedId } from "../domain/connection/feed.ts";
import { UnderlyingDirectory } from "../domain/options/underlying_directory.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Distribution } from "./distribution.ts";
import type { Hub } from "./edge.ts";
import {
  buildExpansions,
  buildFeeds,
  buildMarketData,
  buildOrderJournal,
  buildRelays,
  buildRestHosts,
  feedKinds,
} from "./feeds.ts";
import { type Config, secretsOf } from "../infrastructure/config/config.ts";
import { redact } from "../infrastructure/logging/redaction.ts";
import { readMessageTime } from "../infrastructure/websocket/message_time.ts";

/** Makes what every API reads from; nothing is dialed before it runs. */
export function createCore(
  config: Config,
  deps: Dependencies & {
    readonly counters: ProxyCounters;
    readonly orderStore: OrderStore | undefined;
    /** Where an edge receives the data from. @default sessions with Alpaca */
    readonly hub?: Hub | undefined;
    /** Fires when another process may open sessions, so that these end now. @default never */
    readonly revoked?: AbortSignal | undefined;
    readonly drain: Drain;
    readonly audit: StreamAudit;
    /** What a hub distributes its feeds with. @default none */
    readonly distribution?: Pick<Distribution, "tapOf" | "events"> | undefined;
    /** Rates of messages. @default those of this core alone */
    readonly activity?: Activity;
  },
) {
  const { clock, log, counters, drain, audit } = deps;
  const { capacities, limits } = config;
  const openings = new OpeningRate(limits.maxOpeningsPerSec, clock);
  const directory = new UnderlyingDirectory();
  const queueMemory = new QueueMemory(limits.queueMemoryBytes);
  const channels = createChannels({
    capacities,
    retained: limits.retainedMessages,
    orderJournal: limits.orderJournalUpdates,
    counters,
    memory: queueMemory,
    areLastAvailable: config.stock.kind !== "test",
    directory,
  });
  const events = eventsOf(() => streams, deps.distribution?.events);
  const calendar = new MarketCalendar(config.marketClosures);
  const renewals = new BookRenewals(
    clock,
    (symbols) => managers.crypto?.renew("orderbooks", symbols),
  );
  const isEdge = deps.hub !== undefined;
  const orderBooks = new OrderBooks(channels.orderbooks, undefined, renewals, isEdge);
  const parts = { ...deps, channels, counters, events, calendar, directory, orderBooks };
  const hosts = deps.hub?.hosts ?? buildRestHosts(config, parts);
  const marketData = buildMarketData(config, hosts);
  const outages = new Outages({
    channels,
    marketData,
    maxSilenceMs: config.heartbeat.intervalMs + config.heartbeat.timeoutMs,
    clock,
    log,
  });
  const journal = buildOrderJournal(config, parts, hosts);
  const relays = buildRelays(config, { counters, memory: queueMemory, orderBooks });
  const isBackfilling = (feed: FeedId) =>
    feed === "trading" ? journal?.isReconciling ?? false : outages.isFilling(feed);
  const { links, managers, freshness } = buildFeeds(config, {
    ...parts,
    journal,
    relays,
    isBackfilling,
    tapOf: deps.distribution?.tapOf,
  });
  const underlyings = managers.opra && buildExpansions(config, {
    hosts,
    sink: managers.opra,
    directory,
    clock,
    calendar,
    log,
    random: deps.random,
    maxContracts: () => limits.maxSymbols - streams.symbols,
  });
  const streams: StreamRegistry = new StreamRegistry({
    channels,
    lastEvents: new LastEvents({ marketData, clock, log }),
    firstEvents: new LastEvents({ marketData, clock, log, purpose: "first_events" }),
    outages,
    orders: journal,
    orderBooks,
    orderJournalMs: journal && limits.orderJournalMs,
    feeds: config.feeds,
    sinks: managers,
    relays,
    underlyings,
    clock,
    drain,
    absence: () => deps.hub?.absence,
    audit,
    maxSymbols: limits.maxSymbols,
    openings,
    counters,
    memory: queueMemory,
    clean: redact(secretsOf(config).map((secret) => secret.reveal())),
    newId: randomId,
    freshnessOf: (feed) => freshness[feed]?.notice ?? disabled(clock.now()),
    staleSymbolsOf: (feed, ...query) => freshness[feed]?.staleOf(...query) ?? [],
  });
  const { activity = new Activity(counters, clock) } = deps;
  return {
    counters,
    hosts,
    managers,
    orderBooks,
    journal,
    openings,
    links,
    streams,
    clients: streams.clients,
    queueMemory,
    calendar,
    activity,
    status: statusSource({
      version: manifest.version,
      environment: config.environment,
      clock,
      links,
      freshness,
      kinds: feedKinds(config),
      streams: streams.clients,
      draining: () => drain.reason !== undefined,
      cluster: edgeOf(deps.hub),
    }),
    quotas: () => Object.values(managers).map((manager) => manager.reportQuota()),
    expansions: () => underlyings?.reports() ?? [],
    subscriptions: () =>
      Object.entries(managers).map(([feed, manager]) => {
        const report = manager.report(feed === "opra" ? underlyings?.reports() ?? [] : []);
        return freshness[report.feed]?.mark(report) ?? report;
      }),
    /** Follows every feed, restarting what fails, until the signal fires. */
    async run(signal: AbortSignal): Promise<void> {
      const keep = (part: (signal: AbortSignal) => Promise<void>, own = log) =>
        supervise(part, { clock, log: own, signal });
      const stalls = { memory: queueMemory, stalledMs: limits.stalledStreamMs, clock, log };
      await Promise.all([
        ...Object.entries(links).map(([feed, link]) =>
          keep((signal) => link.run(signal), log.with({ feed }))
        ),
        ...Object.values(freshness).map((each) => keep((signal) => each.run(signal))),
        underlyings && keep((signal) => underlyings.run(signal)),
        keep((signal) => endStalled(streams, { ...stalls, signal })),
        keep((signal) => activity.run(signal)),
        keep((signal) =>
          measureEndToEndDelay(counters, { clock, signal, readTime: readMessageTime })
        ),
        keep((signal) => measureLoopDelay(counters.loopDelay, { clock, signal })),
        keep((signal) => reportDropped(streams, { clock, log, signal })),
      ]);
    },
  };
}

/** Passes events on to a receiver that is made later than their sources, then to edges. */
function eventsOf(
  receiver: () => UpstreamEvents,
  edges: Distribution["events"] | undefined,
): UpstreamEvents {
  return {
    freshness: (...change) => receiver().freshness(...change),
    carried(pairs, since) {
      receiver().carried(pairs, since);
      edges?.carried(pairs);
    },
    notCarried(...change) {
      receiver().notCarried(...change);
      edges?.notCarried(...change);
    },
    subscription(...changes) {
      receiver().subscription(...changes);
      edges?.subscription(...changes);
    },
  };
}

/** The part in a cluster of a process that follows a hub. */
function edgeOf(hub: Hub | undefined) {
  return hub && ((): ClusterReport => ({ role: "edge", hub: hub.report }));
}

/** The freshness of a feed that the settings disable. */
function disabled(since: number): FeedNotice {
  return { freshness: "stale", since, reason: "The feed is disabled", symbols: [] };
}

/** 128 random bits as text. */
function randomId(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}
